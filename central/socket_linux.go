package central

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsent is how much of a socket's data may wait in the kernel before it is
// sent. A slow client then holds little kernel memory, and sending to it makes
// visible progress, which the stall time-out needs.
const unsent = 512 << 10

// sendSoon sets TCP_NOTSENT_LOWAT. Without it everything works, only later.
func sendSoon(conn *net.TCPConn) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
		})
	}
}
