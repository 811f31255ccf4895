package central

import (
	"cmp"
	"os"

	"golang.org/x/sys/unix"

	"starmesh/common/fault"
)

const haveSendfile = true

// sendFile sends head and then n bytes of f from offset on, without copying
// them through this process (sendfile(2)). f's own offset is not used, so many
// connections share one descriptor.
func sendFile(conn *stallConn, head []byte, f *os.File, offset int64, n int) error {
	src, err := f.SyscallConn()
	if err != nil {
		return err
	}
	dst, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	// Control keeps f open until all is sent.
	controlErr := src.Control(func(in uintptr) {
		if len(head) > 0 {
			err = conn.insist(func() error { return sendHead(dst, &head) })
		}
		for n > 0 && err == nil {
			part := min(n, slice)
			n -= part
			err = conn.insist(func() error { return sendSlice(dst, int(in), &offset, &part) })
		}
	})
	if err == nil {
		err = controlErr
	}
	return err
}

// rawWriter is the half of syscall.RawConn that is used here.
type rawWriter interface {
	Write(f func(fd uintptr) (done bool)) error
}

// sendHead sends what precedes the payload, with MSG_MORE: it waits for the
// first bytes of the file instead of travelling in a packet of its own.
func sendHead(dst rawWriter, head *[]byte) error {
	var sendErr error
	err := dst.Write(func(out uintptr) bool {
		for len(*head) > 0 {
			n, err := unix.SendmsgN(int(out), *head, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			switch err {
			case nil:
				*head = (*head)[n:]
			case unix.EINTR:
			case unix.EAGAIN:
				return false // wait until there is room, or the deadline
			default:
				sendErr = os.NewSyscallError("sendmsg", err)
				return true
			}
		}
		return true
	})
	return cmp.Or(sendErr, err)
}

// sendSlice moves *n bytes from in at *offset to the socket, and counts both
// on as it goes.
func sendSlice(dst rawWriter, in int, offset *int64, n *int) error {
	var sendErr error
	err := dst.Write(func(out uintptr) bool {
		for *n > 0 {
			sent, err := unix.Sendfile(int(out), in, offset, *n)
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return false
			case err != nil:
				sendErr = os.NewSyscallError("sendfile", err)
				return true
			case sent == 0:
				sendErr = fault.Wrapf(fault.Changed, "the file became shorter while it was sent")
				return true
			default:
				*n -= sent
			}
		}
		return true
	})
	return cmp.Or(sendErr, err)
}
