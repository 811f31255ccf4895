package echo

import (
	"net"
	"net/netip"
	"syscall"

	"starmesh/common/load"
	"starmesh/common/trace"
)

// The steps are told in the terms of the sockets interface: socket, bind,
// listen, accept, connect, send, recv, sendto, recvfrom, close.

// traceSocket returns a Control function, for net.Dialer and net.ListenConfig,
// that tells of a new socket when the kernel has made it.
func traceSocket(t *trace.Trace) func(network, _ string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		kind := "SOCK_STREAM"
		if network[:3] == "udp" {
			kind = "SOCK_DGRAM"
		}
		return c.Control(func(fd uintptr) { t.Step("socket(%s, %s) → fd %d", network, kind, fd) })
	}
}

// traceClosed tells of the end of a TCP connection.
func traceClosed(t *trace.Trace, fd int, first load.Side, why string) {
	switch first {
	case load.Here:
		t.Step("close(fd %d): this side closes first%s", fd, why)
	case load.There:
		t.Step("close(fd %d): the other side closed first%s", fd, why)
	default:
		t.Step("close(fd %d)%s", fd, why)
	}
}

// portClass names the class of the port in an address.
func portClass(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return "unknown"
	}
	return load.PortClass(int(ap.Port()))
}
