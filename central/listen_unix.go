//go:build unix

package central

import (
	"fmt"
	"net"
	"os"
	"starmesh/common/fault"
	"starmesh/common/trace"

	"golang.org/x/sys/unix"
)

// Listen makes a listening TCP socket with the four calls of the lecture,
// socket, setsockopt, bind and listen, so that the backlog is the one asked
// for; then Go's runtime takes it over. addr is "host:port"; an empty host
// is every interface, IPv6 and IPv4. The kernel may cap the backlog (Linux:
// net.core.somaxconn). The caller closes the listener.
func Listen(addr string, backlog int, steps *trace.Trace) (*net.TCPListener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	fd, err := boundSocket(tcp, steps)
	if err != nil {
		return nil, fault.Listen(addr, err)
	}
	file := os.NewFile(uintptr(fd), "listener "+addr)
	defer file.Close() // net.FileListener works on a duplicate
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, fault.Listen(addr, os.NewSyscallError("listen", err))
	}
	steps.Step("listen(fd %d, backlog %d): the kernel now completes handshakes and queues them", fd, backlog)
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fault.Listen(addr, err)
	}
	steps.Step("dup(fd %d) → fd %d, close(fd %d): the socket is the same, and Go's runtime waits on it", fd, trace.Descriptor(ln), fd)
	return ln.(*net.TCPListener), nil
}

// boundSocket does socket, setsockopt and bind; the caller closes the
// descriptor.
func boundSocket(tcp *net.TCPAddr, steps *trace.Trace) (int, error) {
	family, name, sa := unix.AF_INET6, "AF_INET6", sockaddr(tcp)
	if _, v4 := sa.(*unix.SockaddrInet4); v4 {
		family, name = unix.AF_INET, "AF_INET"
	}
	fd, err := newSocket(family)
	if err != nil && tcp.IP == nil { // a machine without IPv6
		family, name, sa = unix.AF_INET, "AF_INET", &unix.SockaddrInet4{Port: tcp.Port}
		fd, err = newSocket(family)
	}
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	steps.Step("socket(%s, SOCK_STREAM) → fd %d", name, fd)
	if err := bind(fd, family, sa); err != nil {
		unix.Close(fd)
		return -1, err
	}
	steps.Step("bind(fd %d, %s)", fd, tcp)
	return fd, nil
}

// bind allows an address in TIME_WAIT (a server that is started again), IPv4
// on the same port for the wildcard address, and binds.
func bind(fd, family int, sa unix.Sockaddr) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}

func newSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func sockaddr(tcp *net.TCPAddr) unix.Sockaddr {
	if v4 := tcp.IP.To4(); v4 != nil {
		return &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(v4)}
	}
	sa := &unix.SockaddrInet6{Port: tcp.Port}
	copy(sa.Addr[:], tcp.IP.To16())
	if tcp.Zone != "" {
		if ifi, err := net.InterfaceByName(tcp.Zone); err == nil {
			sa.ZoneId = uint32(ifi.Index)
		}
	}
	return sa
}
