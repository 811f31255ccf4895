package p2phost

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// lowWater returns what sets for how many bytes a read of c waits; nil when c is
// no socket.
func lowWater(c net.Conn) func(bytes int) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return func(bytes int) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
		})
		if err == nil {
			err = failed
		}
		return err
	}
}
