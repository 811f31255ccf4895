//go:build linux || darwin

package p2phost

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// setNotSentLowAt bounds how many bytes may wait in the kernel that TCP's
// window does not let it send yet (tcp(7), TCP_NOTSENT_LOWAT; by default there
// is no bound, and megabytes wait there). Whatever waits there is before an
// offer that is written next.
func setNotSentLowAt(c net.Conn, most int) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, most)
	})
}
