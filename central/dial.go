package central

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/trace"
)

const (
	// slowHandshake is how long a trace waits for a connection before it says why
	// it may take long.
	slowHandshake = 500 * time.Millisecond
	// nextAddress is how long one address of a server may take before the next one
	// is tried beside it (RFC 8305, §5).
	nextAddress = 250 * time.Millisecond
)

// dialTCP connects to a server, at whichever of its addresses answers first.
func dialTCP(ctx context.Context, a Address, cfg ClientConfig) (*net.TCPConn, error) {
	host, port, err := net.SplitHostPort(a.HostPort)
	if err != nil {
		return nil, fault.Wrapf(fault.Invalid, "%s: %w", a.HostPort, err)
	}
	addrs, err := cfg.Resolve(ctx, host)
	if err != nil {
		return nil, dialError(a, nil, err)
	}
	addrs = alternating(addrs)
	patience := time.AfterFunc(slowHandshake, func() {
		cfg.Trace.Step("connect: no answer yet. Is its accept queue full? Then the kernel knocks again after 1, 3, 7 … s")
	})
	answered := cfg.Slow.Dial(func() []string { return places(addrs, port) })
	conn, err := race(ctx, addrs, func(ctx context.Context, ip netip.Addr) (net.Conn, error) {
		return cfg.dialOne(ctx, net.JoinHostPort(ip.Unmap().String(), port))
	})
	patience.Stop()
	answered()
	if err == nil {
		err = cfg.Limits.Handshake(ctx)
	}
	if err != nil {
		return nil, dialError(a, addrs, err)
	}
	tcp := conn.(*net.TCPConn)
	cfg.Trace.Step("connected: fd %d is %s → %s, the kernel chose port %d (%s)", trace.Descriptor(tcp),
		tcp.LocalAddr(), tcp.RemoteAddr(), tcpPort(tcp.LocalAddr()), load.PortClass(tcpPort(tcp.LocalAddr())))
	return tcp, nil
}

// places are the addresses with the port that is dialled at each.
func places(addrs []netip.Addr, port string) (all []string) {
	for _, ip := range addrs {
		all = append(all, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return all
}

// dialOne connects to one address, by these calls.
func (c ClientConfig) dialOne(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{ControlContext: func(_ context.Context, network, address string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			c.Trace.Step("socket(%s) → fd %d", network, fd)
			c.Trace.Step("connect(fd %d, %s)", fd, address)
		})
	}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.Trace.Step("connect: %v", bare(err))
	}
	return conn, err
}

// alternating returns addresses in turns of the two versions of IP, beginning with
// the first one's.
func alternating(addrs []netip.Addr) []netip.Addr {
	var order []netip.Addr
	rest := slices.Clone(addrs)
	for len(rest) > 0 {
		at := 0
		if len(order) > 0 {
			last := order[len(order)-1].Unmap().Is4()
			at = max(0, slices.IndexFunc(rest, func(a netip.Addr) bool { return a.Unmap().Is4() != last }))
		}
		order = append(order, rest[at])
		rest = slices.Delete(rest, at, at+1)
	}
	return order
}

// race dials the addresses one after the other, without waiting longer than
// nextAddress for each, and returns the first connection; the others are closed.
func race(ctx context.Context, addrs []netip.Addr, dial func(context.Context, netip.Addr) (net.Conn, error)) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result)
	started, ended := 0, 0
	defer func() {
		cancel()
		for ; ended < started; ended++ {
			if r := <-results; r.conn != nil {
				_ = r.conn.Close()
			}
		}
	}()
	var errs []error
	for {
		var next <-chan time.Time
		if started < len(addrs) {
			ip := addrs[started]
			started++
			go func() { conn, err := dial(ctx, ip); results <- result{conn, err} }()
			next = time.After(nextAddress)
		}
		for waiting := true; waiting; {
			select {
			case <-next:
				waiting = started == len(addrs)
			case r := <-results:
				ended++
				if r.err == nil {
					return r.conn, nil
				}
				if errs = append(errs, r.err); ended == len(addrs) {
					return nil, errors.Join(errs...)
				}
				waiting = started == len(addrs)
			}
		}
	}
}

// dialError says why none of the addresses of a answers.
func dialError(a Address, tried []netip.Addr, err error) error {
	where := a.HostPort
	if len(tried) > 1 {
		var all []string
		for _, ip := range tried {
			all = append(all, ip.Unmap().String())
		}
		where += " (tried " + strings.Join(all, ", ") + ")"
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fault.Wrapf(fault.Invalid, "cannot find the host of %s: %w", where, dns)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Wrapf(fault.NoSource, "cannot connect to %s: %w (is the server running there?)", where, syscall.ECONNREFUSED)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Wrapf(fault.NoSource, "cannot connect to %s: no answer (wrong address, or a firewall in between?): %w", where, err)
	default:
		return fault.Wrapf(fault.NoSource, "cannot connect to %s: %w", where, bare(err))
	}
}
