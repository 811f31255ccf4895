package fleet

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"starmesh/common/fault"
)

const (
	// pulse is how long a side that hears nothing waits before it asks whether
	// the other is still there, and how long it waits for that answer.
	pulse = 10 * time.Second
	// overTime is what the end of a connection in good order may take.
	overTime = 2 * time.Second
	// window bounds in bytes what is on its way in one request, and maxFrame each
	// piece of that: whoever sends one has a buffer of that size for as long as it
	// lasts, and a manager has two such requests of each node.
	window   = 4 << 20
	maxFrame = 32 << 10
)

// overPath is what the manager asks for last.
const overPath = "/over"

// A Member is a node that has joined, at the manager. What it says of itself,
// and whatever it answers, is its own word.
type Member struct {
	Hello            // Name is the one that the manager has given it
	Claimed string   // the name that it would have liked
	Beside  string   // the first of those that have joined from the same machine; "": none
	Remote  net.Addr // from which its connection came
	Local   net.Addr // to which it came: the manager's, as this node reaches it

	conn *http.ClientConn
	open bool // it can be asked; the roster's mutex guards it
	gone chan struct{}
}

// turn turns the roles round: conn is used for requests from now on.
func (m *Member) turn(ctx context.Context, conn *tls.Conn) (err error) {
	here := &closing{Conn: conn, closed: m.gone}
	transport := &http.Transport{
		HTTP2: heartbeat(), Protocols: framed(),
		DialContext: func(context.Context, string, string) (net.Conn, error) { return here, nil },
	}
	m.conn, err = transport.NewClientConn(ctx, "http", "node:80")
	return err
}

// framed is HTTP/2 from the first byte on. To net/http the connection is a plain
// one: its TLS was there before.
func framed() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

func heartbeat() *http.HTTP2Config {
	return &http.HTTP2Config{
		SendPingTimeout: pulse, PingTimeout: pulse, MaxReadFrameSize: maxFrame,
		MaxReceiveBufferPerStream: window, MaxReceiveBufferPerConnection: 2 * window,
	}
}

// closing closes a channel when the connection is closed.
type closing struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *closing) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Gone is closed when the node has left.
func (m *Member) Gone() <-chan struct{} { return m.gone }

// BehindNAT reports whether the node's address is not the one that its
// connection comes from.
func (m *Member) BehindNAT() bool {
	tcp, ok := m.Remote.(*net.TCPAddr)
	return ok && tcp.AddrPort().Addr().Unmap().WithZone("") != m.Address.Unmap().WithZone("")
}

// beside reports whether another has joined from the same machine, by all that
// it says.
func (m *Member) beside(other *Member) bool {
	return m.Host == other.Host && m.Address == other.Address
}

// RoundTrip implements http.RoundTripper: the node answers, whatever host the
// request names. It fails with fault.Closed when the node has left.
func (m *Member) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := m.conn.RoundTrip(request)
	if err == nil {
		return response, nil
	}
	select {
	case <-m.gone:
		return nil, fault.Wrapf(fault.Closed, "%s has left", m.Name)
	default:
		return nil, err
	}
}

// over tells the node that it is not needed any more, and ends the connection.
func (m *Member) over() {
	ctx, cancel := context.WithTimeout(context.Background(), overTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://node"+overPath, nil)
	if err == nil {
		if response, err := m.conn.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}
	_ = m.conn.Close() // whatever it still had to say
}
