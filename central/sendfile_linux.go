package central

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const haveSendfile = true

// sendFile sends head and then n bytes of f from offset on, without copying
// them through this process (sendfile(2)). f's own offset is not used, so many
// connections share one descriptor. The deadline is renewed with every slice.
func sendFile(conn *net.TCPConn, head []byte, f *os.File, offset int64, n int, stall time.Duration) error {
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
		err = sendHead(conn, dst, head, stall)
		for n > 0 && err == nil {
			part := min(n, slice)
			if err = conn.SetWriteDeadline(time.Now().Add(stall)); err == nil {
				err = sendSlice(dst, int(in), &offset, part)
			}
			n -= part
		}
	})
	if err == nil {
		err = controlErr
	}
	return err
}

// sendHead sends what precedes the payload, with MSG_MORE: it waits for the
// first bytes of the file instead of travelling in a packet of its own.
func sendHead(conn *net.TCPConn, dst rawWriter, head []byte, stall time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
		return err
	}
	var sendErr error
	err := dst.Write(func(out uintptr) bool {
		for len(head) > 0 {
			n, err := unix.SendmsgN(int(out), head, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			switch err {
			case nil:
				head = head[n:]
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
	if sendErr != nil {
		return sendErr
	}
	return err
}

// rawWriter is the half of syscall.RawConn that is used here.
type rawWriter interface {
	Write(f func(fd uintptr) (done bool)) error
}

// sendSlice moves n bytes from in at *offset to the socket.
func sendSlice(dst rawWriter, in int, offset *int64, n int) error {
	var sendErr error
	err := dst.Write(func(out uintptr) bool {
		for n > 0 {
			sent, err := unix.Sendfile(int(out), in, offset, n)
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return false
			case err != nil:
				sendErr = os.NewSyscallError("sendfile", err)
				return true
			case sent == 0:
				sendErr = fmt.Errorf("the file became shorter while it was sent: %w", io.ErrUnexpectedEOF)
				return true
			default:
				n -= sent
			}
		}
		return true
	})
	if sendErr != nil {
		return sendErr
	}
	return err
}
