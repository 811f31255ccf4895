package echo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"starmesh/common/load"
	"starmesh/common/trace"
)

// maxDatagram is the most that UDP over IPv4 carries: 65,535 less the headers.
const maxDatagram = 65507

// datagrams is the service over UDP.
type datagrams struct {
	cfg   Config
	conn  *net.UDPConn
	fd    int
	own   uint16 // the port it listens on
	entry *load.Socket
}

func newDatagrams(cfg Config, conn *net.UDPConn) *datagrams {
	d := &datagrams{cfg: cfg, conn: conn, fd: trace.Descriptor(conn)}
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		d.own = uint16(local.Port)
	}
	return d
}

// serve answers until ctx ends.
func (d *datagrams) serve(ctx context.Context) error {
	d.entry = d.cfg.Sockets.Datagram(d.conn)
	d.entry.Count(0, 0) // from now on it is known what it carries
	defer atEnd(ctx, func() {
		d.entry.Close()
		d.cfg.Trace.Step("close(fd %d) the UDP socket, which had no connections to end", d.fd)
		_ = d.conn.Close() // datagrams that were sent have left
	})()
	for buf := make([]byte, maxDatagram+1); ; {
		n, from, err := d.conn.ReadFromUDPAddrPort(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("the echo service over UDP has failed: %w", err)
		case err != nil: // an answer to somebody who had gone came back
			d.cfg.Trace.Step("recvfrom(fd %d) failed: %v", d.fd, err)
			pause(ctx, 10*time.Millisecond)
		default:
			d.answer(buf[:n], from)
		}
	}
}

// answer sends one datagram back: never more bytes than came.
func (d *datagrams) answer(p []byte, from netip.AddrPort) {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	d.cfg.Trace.Step("recvfrom(fd %d) %d bytes from %s", d.fd, len(p), from)
	d.cfg.Meter.OtherIn.Add(int64(len(p)))
	d.entry.Count(0, int64(len(p)))
	if why := d.refuses(from); why != "" {
		d.cfg.Meter.ConnRefused()
		d.cfg.Trace.Step("no answer to %s: %s", from, why)
		return
	}
	n, err := d.conn.WriteToUDPAddrPort(p, from)
	if err != nil {
		d.cfg.Trace.Step("sendto(fd %d, %s) failed: %v", d.fd, from, err)
		return
	}
	d.cfg.Trace.Step("sendto(fd %d, %s) %d bytes", d.fd, from, n)
	d.cfg.Meter.OtherOut.Add(int64(n))
	d.entry.Count(int64(n), 0)
}

// refuses says why a datagram gets no answer; "" if it gets one. The sender of
// a datagram is easily forged. Two echo services told to talk with each other
// would never stop (CERT CA-1996-01), and no client sends from the port of a
// service; so nothing goes to well-known ports, to a port like this one's own,
// or to an address that is not one machine's.
func (d *datagrams) refuses(from netip.AddrPort) string {
	addr := from.Addr()
	switch {
	case from.Port() < 1024:
		return fmt.Sprintf("port %d belongs to a service, and two that answer each other would never stop", from.Port())
	case from.Port() == d.own:
		return "it comes from the port of an echo service, and two of them would never stop"
	case addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "that is not the address of one machine"
	}
	return ""
}
