package p2phost

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/common/load"
	"starmesh/common/rate"
)

// wire knows what really crosses the sockets under the host's connections: it
// sits between libp2p and the kernel, where it counts and limits.
type wire struct {
	sockets    *load.Sockets
	limits     rate.Limits
	handshakes *handshakes // of accepted TCP connections
	impatient  atomic.Bool // a node was dialled that wants to be asked first

	mu   sync.Mutex
	udp  map[string]*load.Socket       // by local address
	quic map[network.Conn]*load.Socket // connections without a socket of their own
}

func newWire(sockets *load.Sockets, limits rate.Limits, room int) *wire {
	return &wire{
		sockets: sockets, limits: limits, handshakes: newHandshakes(room),
		udp:  make(map[string]*load.Socket),
		quic: make(map[network.Conn]*load.Socket),
	}
}

// newTCP makes the TCP transport, with w under its connections. It dials from
// a port that the kernel chooses: dialling from the listening port, libp2p's
// default, lets two nodes that dial each other at the same moment end up with
// one broken connection (TCP's simultaneous open), and lets two programs share
// one port unnoticed.
func (w *wire) newTCP(u transport.Upgrader, rm network.ResourceManager, shared *tcpreuse.ConnMgr) (tcpTransport, error) {
	up := upgrader{Upgrader: u, w: w}
	t, err := tcp.NewTCPTransport(up, rm, shared, tcp.DisableReuseport())
	return tcpTransport{TcpTransport: t, up: up}, err
}

// tcpTransport is libp2p's, but for the listening socket, which libp2p hides.
type tcpTransport struct {
	*tcp.TcpTransport
	up upgrader
}

// Listen listens at a, an address such as /ip4/127.0.0.1/tcp/4001.
func (t tcpTransport) Listen(a ma.Multiaddr) (transport.Listener, error) {
	network, hostPort, err := manet.DialArgs(a)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen(network, hostPort)
	if err != nil {
		return nil, err
	}
	l, err := manet.WrapNetListener(ln)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	gated := t.up.GateMaListener(&tcpListener{Listener: l, socket: t.up.w.sockets.Listening(ln)})
	return t.up.UpgradeGatedMaListener(t, gated), nil
}

// upgrader puts w under connections before they are secured.
type upgrader struct {
	transport.Upgrader
	w *wire
}

func (u upgrader) Upgrade(ctx context.Context, t transport.Transport, c manet.Conn, dir network.Direction, p peer.ID, scope network.ConnManagementScope) (transport.CapableConn, error) {
	if _, accepted := c.(*tcpConn); !accepted {
		if err := u.w.limits.Handshake(ctx); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		dialled := u.w.tcp(c)
		dialled.Conn = newEager(dialled.Conn, &u.w.impatient)
		c = dialled
	}
	return u.Upgrader.Upgrade(ctx, t, c, dir, p, scope)
}

func (u upgrader) UpgradeGatedMaListener(t transport.Transport, l transport.GatedMaListener) transport.Listener {
	return u.Upgrader.UpgradeGatedMaListener(t, gatedListener{GatedMaListener: l, w: u.w})
}

// tcpListener takes its row out of the table when it is closed.
type tcpListener struct {
	manet.Listener
	socket *load.Socket
}

func (l *tcpListener) Close() error {
	l.socket.Close()
	return l.Listener.Close()
}

// gatedListener puts w under accepted connections.
type gatedListener struct {
	transport.GatedMaListener
	w *wire
}

func (l gatedListener) Accept() (manet.Conn, network.ConnManagementScope, error) {
	c, scope, err := l.GatedMaListener.Accept()
	if err == nil {
		accepted := l.w.tcp(c)
		accepted.handshakes = l.w.handshakes
		l.w.handshakes.begin(accepted)
		c = accepted
	}
	return c, scope, err
}

// tcpConn is a TCP connection in the table, behind the access link.
type tcpConn struct {
	net.Conn // limited
	under    manet.Conn
	socket   *load.Socket

	handshakes *handshakes // nil: dialled here
}

func (w *wire) tcp(c manet.Conn) *tcpConn {
	setOptions(c)
	return &tcpConn{Conn: w.limits.Conn(newRecords(c)), under: c, socket: w.sockets.Data(c)}
}

// NetConn returns the connection underneath.
func (c *tcpConn) NetConn() net.Conn { return c.under }

func (c *tcpConn) LocalMultiaddr() ma.Multiaddr  { return c.under.LocalMultiaddr() }
func (c *tcpConn) RemoteMultiaddr() ma.Multiaddr { return c.under.RemoteMultiaddr() }

// Close reads the kernel's counters for the last time before it closes.
func (c *tcpConn) Close() error {
	if c.handshakes != nil {
		c.handshakes.end(c)
	}
	c.socket.Close()
	return c.Conn.Close()
}

// setOptions sets what the mesh needs of a TCP socket. None of it is vital:
// errors are of systems that do not know an option, or of a closed connection.
func setOptions(c net.Conn) {
	if t, ok := c.(interface{ SetNoDelay(bool) error }); ok {
		_ = t.SetNoDelay(true)
	}
	if t, ok := c.(interface{ SetLinger(int) error }); ok {
		// libp2p sets 0, with which Close throws away what is still to be sent
		// (to free the port it dials from; ours are the kernel's choice).
		_ = t.SetLinger(-1)
	}
	setNotSentLowAt(c, maxNotSent)
}

// maxNotSent is how much may wait in the kernel of a fast link: 32 KiB are 13
// ms at 20 Mbit/s. The kernel asks for more when half of it is gone, so it
// holds two TLS records, one to send meanwhile. From 16 KiB to 4 MiB no
// difference in CPU was measured on the loopback.
const maxNotSent = 32 << 10
