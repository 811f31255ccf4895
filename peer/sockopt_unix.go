//go:build linux || darwin

package peer

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// notSentLowAt is how many bytes may wait in the kernel that TCP's window does
// not let it send yet (tcp(7), TCP_NOTSENT_LOWAT; the default is no bound, so
// megabytes wait there). Whatever waits there is before an offer that is
// written next. Half of it must be gone before the kernel asks for more, so it
// may not be so little that the link falls idle until this process has been
// woken.
const notSentLowAt = 128 << 10

func setNotSentLowAt(c net.Conn) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSentLowAt)
	})
}
