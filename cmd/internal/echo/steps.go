package echo

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"starmesh/common/load"
)

// Trace is told of each socket step, one line each, in the terms of the
// sockets interface: socket, bind, listen, accept, connect, send, recv, sendto,
// recvfrom, close. It may be nil, and is called from several goroutines.
type Trace func(line string)

func (t Trace) step(format string, args ...any) {
	if t != nil {
		t(fmt.Sprintf(format, args...))
	}
}

// socket tells of a new socket when the kernel has made it: it is the Control
// function of net.Dialer and net.ListenConfig.
func (t Trace) socket(network, _ string, c syscall.RawConn) error {
	kind := "SOCK_STREAM"
	if network[:3] == "udp" {
		kind = "SOCK_DGRAM"
	}
	return c.Control(func(fd uintptr) { t.step("socket(%s, %s) → fd %d", network, kind, fd) })
}

// closed tells of the end of a TCP connection.
func (t Trace) closed(fd int, first load.Side, why string) {
	switch first {
	case load.Here:
		t.step("close(fd %d): this side closes first%s", fd, why)
	case load.There:
		t.step("close(fd %d): the other side closed first%s", fd, why)
	default:
		t.step("close(fd %d)%s", fd, why)
	}
}

// descriptor gives the number by which the kernel knows a connection or a
// listener, -1 if it has none.
func descriptor(conn any) int {
	fd := -1
	if holder, ok := conn.(syscall.Conn); ok {
		if raw, err := holder.SyscallConn(); err == nil {
			_ = raw.Control(func(v uintptr) { fd = int(v) }) // a closed one has no number any more
		}
	}
	return fd
}

// portClass names the class of the port in an address.
func portClass(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "unknown"
	}
	return load.PortClass(int(ap.Port()))
}
