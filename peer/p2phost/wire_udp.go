package p2phost

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/quic-go/quic-go"
	"golang.org/x/net/ipv4"

	"starmesh/common/load"
	"starmesh/common/rate"
)

// udpConn is a UDP socket that QUIC uses, counted and behind the access link.
// It has every method by which quic-go reads and writes many datagrams at a
// time (quic.OOBCapablePacketConn and ReadBatch), so nothing gets slower.
type udpConn struct {
	*net.UDPConn
	batch   *ipv4.PacketConn
	socket  *load.Socket
	limits  rate.Limits
	ctx     context.Context // ends with Close: the socket's methods have none
	cancel  context.CancelFunc
	out, in atomic.Int64
	closed  func()
}

// listenUDP opens a UDP socket with w around it.
func (w *wire) listenUDP(network string, laddr *net.UDPAddr) (net.PacketConn, error) {
	c, err := net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	u := &udpConn{UDPConn: c, batch: ipv4.NewPacketConn(c), limits: w.limits, ctx: ctx, cancel: cancel}
	u.socket = w.sockets.Datagram(c)
	u.socket.CountedBy(func() (int64, int64) { return u.out.Load(), u.in.Load() })
	name := c.LocalAddr().String()
	u.closed = func() { w.forgetUDP(name, u.socket) }
	w.mu.Lock()
	defer w.mu.Unlock()
	w.udp[name] = u.socket
	return u, nil
}

func (w *wire) forgetUDP(name string, socket *load.Socket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.udp[name] == socket {
		delete(w.udp, name)
	}
}

// Close ends waits for the limiter too.
func (u *udpConn) Close() error {
	u.cancel()
	u.closed()
	u.socket.Close()
	return u.UDPConn.Close()
}

// SetReadBuffer asks for a buffer of n bytes; behind a limited link for one
// that holds no more than 100 ms of it, as a router's queue would.
func (u *udpConn) SetReadBuffer(n int) error {
	if r := u.limits.Down.Rate(); r > 0 {
		n = min(n, max(64<<10, int(r/10)))
	}
	return u.UDPConn.SetReadBuffer(n)
}

// sending waits until n bytes may leave.
func (u *udpConn) sending(n int) error {
	if err := u.limits.Up.Wait(u.ctx, n); err != nil {
		return net.ErrClosed
	}
	u.out.Add(int64(n))
	return nil
}

// received counts n bytes and waits as long as they take on the link.
func (u *udpConn) received(n int) {
	u.in.Add(int64(n))
	_ = u.limits.Down.Wait(u.ctx, n) // only ends early when the socket closes
}

// WriteMsgUDP sends one datagram, or several of one size (GSO).
func (u *udpConn) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	if err := u.sending(len(b)); err != nil {
		return 0, 0, err
	}
	return u.UDPConn.WriteMsgUDP(b, oob, addr)
}

// WriteTo sends one datagram.
func (u *udpConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if err := u.sending(len(b)); err != nil {
		return 0, err
	}
	return u.UDPConn.WriteTo(b, addr)
}

// ReadBatch receives several datagrams.
func (u *udpConn) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := u.batch.ReadBatch(ms, flags)
	sum := 0
	for i := range max(n, 0) {
		sum += ms[i].N
	}
	u.received(sum)
	return n, err
}

// ReadMsgUDP receives one datagram.
func (u *udpConn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, oobn, flags, addr, err = u.UDPConn.ReadMsgUDP(b, oob)
	u.received(n)
	return n, oobn, flags, addr, err
}

// ReadFrom receives one datagram.
func (u *udpConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := u.UDPConn.ReadFrom(b)
	u.received(n)
	return n, addr, err
}

// connected enters a QUIC connection, which has no socket of its own, in the
// table; others have entered themselves.
func (w *wire) connected(c network.Conn) {
	var q *quic.Conn
	if !c.As(&q) || q == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	by := w.carrier(q.LocalAddr())
	if by == nil {
		return
	}
	row := w.sockets.Carried(by, q.RemoteAddr(), "quic")
	row.CountedBy(func() (int64, int64) {
		s := q.ConnectionStats()
		return int64(s.BytesSent), int64(s.BytesReceived)
	})
	w.quic[c] = row
}

// carrier returns the UDP socket with this local address; of one that listens on
// all addresses, the connections have one each.
func (w *wire) carrier(local net.Addr) *load.Socket {
	if by := w.udp[local.String()]; by != nil {
		return by
	}
	udp, ok := local.(*net.UDPAddr)
	if !ok {
		return nil
	}
	for name, by := range w.udp {
		if a, err := netip.ParseAddrPort(name); err == nil && int(a.Port()) == udp.Port {
			return by
		}
	}
	return nil
}

// disconnected takes a QUIC connection's row out.
func (w *wire) disconnected(c network.Conn) {
	w.mu.Lock()
	row := w.quic[c]
	delete(w.quic, c)
	w.mu.Unlock()
	if row != nil {
		row.Close()
	}
}
