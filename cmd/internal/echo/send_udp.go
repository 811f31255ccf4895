package echo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"starmesh/common/fault"
	"starmesh/common/trace"
)

// datagramClient is the client's UDP socket. It is not connected: each
// datagram is sent to an address, and comes from one.
type datagramClient struct {
	cfg  SendConfig
	conn *net.UDPConn
	to   netip.AddrPort
	fd   int
	buf  []byte
}

func openDatagram(ctx context.Context, cfg SendConfig) (*datagramClient, error) {
	to, err := resolve(ctx, cfg.Address)
	if err != nil {
		return nil, err
	}
	network := "udp4"
	if to.Addr().Is6() {
		network = "udp6"
	}
	conn, err := (&net.ListenConfig{Control: traceSocket(cfg.Trace)}).ListenPacket(ctx, network, ":0")
	if err != nil {
		return nil, fmt.Errorf("cannot make a UDP socket: %w", err)
	}
	c := &datagramClient{
		cfg: cfg, conn: conn.(*net.UDPConn), to: to, fd: trace.Descriptor(conn),
		buf: make([]byte, maxDatagram+1),
	}
	cfg.Trace.Step("bind(fd %d, port 0): the kernel chose %s, port class %s; UDP needs no connect", c.fd, conn.LocalAddr(), portClass(conn.LocalAddr()))
	return c, nil
}

// resolve finds the one address that datagrams go to.
func resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, fault.Wrapf(fault.Invalid, "%q is not an address: write HOST:PORT", address)
	}
	if host == "" {
		host = "localhost"
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return netip.AddrPort{}, fault.Wrapf(fault.Invalid, "there is no port %q", service)
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(all) == 0 {
		return netip.AddrPort{}, fmt.Errorf("cannot find %q: %w", host, err)
	}
	return netip.AddrPortFrom(all[0].Unmap(), uint16(port)), nil
}

func (c *datagramClient) send(ctx context.Context, p []byte) (Echo, error) {
	if len(p) > maxDatagram {
		return Echo{}, fault.Wrapf(fault.TooLarge, "a line of more than %d bytes does not fit into a datagram: send it over TCP", maxDatagram)
	}
	begin := time.Now()
	_ = c.conn.SetDeadline(begin.Add(c.cfg.Timeout)) // fails only once closed, as do the rest
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })()
	if _, err := c.conn.WriteToUDPAddrPort(p, c.to); err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return Echo{}, fmt.Errorf("sendto %s failed: %w", c.to, err)
	}
	c.cfg.Trace.Step("sendto(fd %d, %s) %d bytes", c.fd, c.to, len(p))
	return c.receive(ctx, p, begin)
}

// receive waits for the echo of p. Datagrams of others, and late ones of
// earlier messages, are passed over.
func (c *datagramClient) receive(ctx context.Context, p []byte, begin time.Time) (Echo, error) {
	wrong := error(nil)
	for {
		n, from, err := c.conn.ReadFromUDPAddrPort(c.buf)
		switch {
		case ctx.Err() != nil:
			return Echo{}, ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.cfg.Trace.Step("recvfrom(fd %d): nothing within %v", c.fd, c.cfg.Timeout)
			if wrong != nil {
				return Echo{}, wrong
			}
			return Echo{}, errLost
		case err != nil: // Windows tells here that nobody listens there
			c.cfg.Trace.Step("recvfrom(fd %d) failed: %v", c.fd, err)
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		c.cfg.Trace.Step("recvfrom(fd %d) %d bytes from %s", c.fd, n, from)
		if from != c.to {
			continue
		}
		if wrong = same(c.cfg.Address, p, c.buf[:n]); wrong == nil {
			return Echo{Text: c.buf[:n], From: net.UDPAddrFromAddrPort(from), Time: time.Since(begin)}, nil
		}
	}
}

func (c *datagramClient) close() {
	c.cfg.Trace.Step("close(fd %d): the other side is not told", c.fd)
	_ = c.conn.Close() // datagrams that were sent have left
}
