package central

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/readable"
	"starmesh/common/trace"
)

// ClientConfig is how a Client connects; the zero value will do.
type ClientConfig struct {
	User, Password string // sent only over TLS or within this machine
	Pins           Pins
	Limits         rate.Limits
	Instruments
	Timeout time.Duration // to connect and be greeted; 0: 10 s
	Stall   time.Duration // a server that owes something and is silent for longer is given up; 0: 30 s
	Agent   string        // program and version, told to the server

	// Resolve returns the addresses of a host's name; nil: as the system does.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	// ConnPerRequest, over HTTP alone, has every request make a connection of
	// its own, which is closed after the answer.
	ConnPerRequest bool
}

func (c ClientConfig) withDefaults() ClientConfig {
	c.Instruments = c.Instruments.withDefaults()
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Stall = cmp.Or(c.Stall, 30*time.Second)
	if c.Resolve == nil {
		c.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return c
}

// Client is one connection to a server, logged in where asked for. Its methods
// are for one goroutine at a time. When one fails with anything but an answer of
// the server, the connection is of no more use.
type Client struct {
	addr Address
	cfg  ClientConfig
	link *link
	req  uint32
	gone bool

	greeted   bool   // the server has let us in
	listLimit uint16 // files asked for in one LIST
	ahead     []span // asked for by Begin, for the next Source
}

// Dial connects to the server at a. The caller closes the Client. It fails
// with what the server said (fault.Refused, fault.Busy, fault.Unauthorized,
// fault.Version) or with why it can not be reached.
func Dial(ctx context.Context, a Address, cfg ClientConfig) (*Client, error) {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	c, err := Connect(ctx, a, cfg)
	if err == nil {
		if err = c.Greeted(ctx); err != nil {
			c.abandon("not let in")
			return nil, err
		}
	}
	return c, err
}

// Connect is Dial, but without a User to log in it does not wait for the server's
// greeting: the first request travels behind our own, which spares a round trip,
// and fails with what Dial would.
func Connect(ctx context.Context, a Address, cfg ClientConfig) (*Client, error) {
	if a.HTTP {
		return nil, fault.Wrapf(fault.Invalid, "over HTTP there is only get; for everything else give the server's own port as star://host:port")
	}
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	conn, err := dialTCP(ctx, a, cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{addr: a, cfg: cfg, listLimit: maxListLimit}
	if c.link, err = clientLink(ctx, conn, a, cfg); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", a.HostPort, err)
	}
	cfg.Meter.ConnOpened()
	c.link.read.first = c.welcomed
	if err = c.greet(ctx); err != nil {
		c.abandon("not let in")
		return nil, err
	}
	return c, nil
}

// greet says HELLO, and waits for the answer if it may have to log in then.
func (c *Client) greet(ctx context.Context) error {
	if err := c.link.send(hello{Min: version, Max: version, Agent: c.cfg.Agent}); err != nil {
		return fmt.Errorf("%s: %w", c.addr.HostPort, c.explain(ctx, err))
	}
	if c.cfg.User == "" {
		return nil
	}
	return c.Greeted(ctx)
}

// Greeted waits until the server has let us in; it fails with why it does not.
func (c *Client) Greeted(ctx context.Context) error {
	stop := context.AfterFunc(ctx, c.link.interrupt)
	defer stop()
	return c.explain(ctx, c.link.begin())
}

// clientLink puts rate limits and TLS between the socket and the frames.
func clientLink(ctx context.Context, socket *net.TCPConn, a Address, cfg ClientConfig) (*link, error) {
	tcp := &stallConn{TCPConn: socket, stall: cfg.Stall}
	conn := cfg.Limits.Conn(tcp)
	if a.TLS {
		secured := tls.Client(conn, clientTLS(a, cfg.Pins))
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, tlsError(err)
		}
		cfg.Trace.Step("TLS handshake done on fd %d", trace.Descriptor(tcp))
		conn = secured
	}
	l := newLink(conn, tcp, cfg.Instruments, cfg.Stall)
	l.server = true
	l.enter()
	return l, nil
}

func tlsError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return fault.Wrapf(fault.Closed, "the server closed the connection before TLS began: it is full, or does not serve this address")
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return fault.Advise(fault.Wrapf(fault.Invalid, "the server does not speak TLS: use star:// instead of stars://"), fault.HintPlain)
	}
	var network net.Error
	if errors.As(err, &network) && !errors.As(err, new(*tls.CertificateVerificationError)) {
		return fmt.Errorf("TLS: %w", err)
	}
	return fault.Wrapf(fault.Refused, "TLS: %w", err)
}

// welcomed reads the answer to HELLO, the first thing that a server says, and
// logs in where that is asked for.
func (c *Client) welcomed() error {
	err := c.welcome()
	c.greeted = err == nil
	switch {
	case c.greeted, c.link.read.interrupted.Load():
		return err
	case isTimeout(err):
		err = noAnswer(c.cfg.Timeout)
	default:
		err = c.explain(context.Background(), err)
	}
	return fmt.Errorf("%s: %w", c.addr.HostPort, err)
}

func (c *Client) welcome() error {
	b, err := c.heard(typeWelcome, typeHello)
	if err != nil {
		return err
	}
	w, err := decodeWelcome(b)
	switch {
	case err != nil:
		return err
	case w.Version != version:
		return fault.Wrapf(fault.Version, "the server goes on with protocol version %d; this client speaks %d", w.Version, version)
	case w.Features&longLists != 0:
		c.listLimit = math.MaxUint16
	}
	if !w.Auth {
		return nil
	}
	return c.login()
}

// heard reads a message of the greeting, which must be of one kind.
func (c *Client) heard(want, asked frame.Type) ([]byte, error) {
	h, err := c.link.next(c.cfg.Timeout)
	if err != nil {
		return nil, err
	}
	b, err := c.link.body(h)
	if err != nil {
		return nil, err
	}
	if err := refusal(h.kind, b); err != nil {
		return nil, err
	}
	if h.kind != want {
		return nil, unexpected(h.kind, asked)
	}
	return b, nil
}

func (c *Client) login() error {
	if c.cfg.User == "" {
		return wantsLogin()
	}
	if !c.addr.TLS && !loopback(c.link.conn.RemoteAddr()) {
		return fault.Wrapf(fault.Refused, "the password is not sent: the connection is not encrypted and leaves this machine (use stars://)")
	}
	if err := c.link.send(auth{Req: c.next(), User: c.cfg.User, Password: c.cfg.Password}); err != nil {
		return err
	}
	b, err := c.heard(typeOK, typeAuth)
	if err == nil {
		_, err = decodeOK(b)
	}
	return err
}

// wantsLogin is the failure of a client that has no name to say.
func wantsLogin() error {
	return fault.Advise(fault.Wrapf(fault.Unauthorized, "the server wants a user name and password"), fault.HintUser)
}

// next numbers a request.
func (c *Client) next() uint32 {
	c.req++
	return c.req
}

// exchange sends a request and hands every frame that answers it to each,
// until that says done or fails.
func (c *Client) exchange(ctx context.Context, m message, each func(kind frame.Type, b []byte) (done bool, err error)) error {
	return c.converse(ctx, m, c.cfg.Stall, each)
}

// converse is exchange with a say in how long the server may be silent; 0 is
// for ever.
func (c *Client) converse(ctx context.Context, m message, silence time.Duration, each func(kind frame.Type, b []byte) (done bool, err error)) error {
	stop := context.AfterFunc(ctx, func() {
		c.link.interrupt()
		c.link.tcp.hangUp()
	})
	defer stop()
	if err := c.link.send(m); err != nil {
		return c.explain(ctx, err)
	}
	for {
		h, err := c.link.next(silence)
		if err != nil {
			return c.explain(ctx, err)
		}
		b, err := c.link.body(h)
		if err != nil {
			return c.explain(ctx, err)
		}
		if err := refusal(h.kind, b); err != nil {
			return err
		}
		if done, err := each(h.kind, b); done || err != nil {
			return c.explain(ctx, err)
		}
	}
}

// refusal is the error that a frame tells of, if it does.
func refusal(kind frame.Type, b []byte) error {
	switch kind {
	case typeError:
		m, err := decodeFailure(b)
		if err != nil {
			return err
		}
		if err := m.err(); errors.Is(err, fault.ReadOnly) {
			return fault.Advise(err, fault.HintWritable)
		}
		return m.err()
	case typeBye:
		m, err := decodeBye(b)
		if err != nil {
			return err
		}
		return fault.Wrapf(fault.Closed, "the server ended the connection: %s", readable.Text(m.Reason))
	default:
		return nil
	}
}

// explain turns what the network said into what happened.
func (c *Client) explain(ctx context.Context, err error) error {
	var broken brokenLink
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return noAnswer(c.cfg.Timeout)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &broken) && errors.Is(err, fault.TooLarge):
		return fault.Wrapf(fault.Protocol, "%w", err) // garbled: the next connection may bring it right
	case isTimeout(err):
		return silentFor(c.cfg.Stall)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fault.Wrapf(fault.Closed, "the server went away")
	default:
		return err
	}
}

// ErrSilent is the failure of a server that was reached and does not greet; later
// it may.
var ErrSilent = fault.Wrapf(fault.NoSource, "no answer")

func noAnswer(within time.Duration) error { return fmt.Errorf("%w within %v", ErrSilent, within) }

func silentFor(d time.Duration) error {
	return fault.Wrapf(fault.Closed, "the server was silent for %v", d)
}

func unexpected(got, asked frame.Type) error {
	return fault.Wrapf(fault.Protocol, "%s came in answer to %s", typeName(got), typeName(asked))
}

// Ping measures one round trip.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	if err := c.Greeted(ctx); err != nil {
		return 0, err
	}
	token, began := rand.Uint64(), time.Now()
	err := c.exchange(ctx, ping{Req: c.next(), Token: token}, func(kind frame.Type, b []byte) (bool, error) {
		if kind != typePong {
			return false, unexpected(kind, typePing)
		}
		m, err := decodePong(b)
		if err == nil && m.Token != token {
			err = fault.Wrapf(fault.Protocol, "PONG with another token")
		}
		return true, err
	})
	return time.Since(began), err
}

// Alive reports whether c can still be used: it was not closed, nor used up by a
// source, and brings no chunks that none has taken.
func (c *Client) Alive() bool { return !c.gone && len(c.ahead) == 0 }

// Reached reports whether the server has let us in.
func (c *Client) Reached() bool { return c.greeted }

// Close says bye and closes the connection; once it is closed, it does nothing.
func (c *Client) Close() error {
	if c.gone {
		return nil
	}
	_ = c.link.send(bye{}) // the server may be gone
	return c.abandon("the client closed first")
}

// abandon closes without a word.
func (c *Client) abandon(why string) error {
	c.gone = true
	c.cfg.Meter.ConnClosed()
	return c.link.close(load.Here, why)
}
