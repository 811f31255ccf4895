package central

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/trace"
)

// dialFailure is an error that says already what happened.
type dialFailure struct{ error }

func (e *dialFailure) Unwrap() error { return e.error }

// dial connects to the server.
func (c *HTTPClient) dial(ctx context.Context, _, address string) (conn net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	w, err := c.connect(ctx, c.server(address))
	if err != nil {
		return nil, &dialFailure{err}
	}
	return w, nil
}

// server returns the one to connect to: the client's own, whatever address
// net/http made of its name, or one that it was sent on to.
func (c *HTTPClient) server(address string) Address {
	if !c.anywhere || address == c.addr.HostPort {
		return c.addr
	}
	return Address{HostPort: address}
}

func (c *HTTPClient) connect(ctx context.Context, to Address) (*webConn, error) {
	tcp, err := dialTCP(ctx, to, c.cfg)
	if err != nil {
		return nil, err
	}
	if c.cfg.User != "" && !c.addr.TLS && !c.anywhere && !loopback(tcp.RemoteAddr()) {
		tcp.Close()
		return nil, plainPassword()
	}
	w := newWebConn(tcp, c.cfg)
	c.conn.Store(w)
	return w, nil
}

func plainPassword() error {
	return fault.Wrapf(fault.Refused, "the password is not sent: the connection is not encrypted and leaves this machine (use https://)")
}

func (c *HTTPClient) dialTLS(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	to := c.server(address)
	w, err := c.connect(ctx, to)
	if err != nil {
		return nil, &dialFailure{err}
	}
	cfg := clientTLS(to, c.cfg.Pins)
	if c.anywhere {
		cfg.MinVersion = tls.VersionTLS12 // others' servers are as old as they are
	}
	cfg.NextProtos = []string{"http/1.1"}
	secured := tls.Client(w, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		w.Close()
		if errors.As(err, new(tls.RecordHeaderError)) {
			return nil, &dialFailure{fault.Wrapf(fault.Invalid, "%s does not speak TLS: use http:// instead of https://", to.HostPort)}
		}
		return nil, &dialFailure{tlsError(err)}
	}
	c.cfg.Trace.Step("TLS handshake done on fd %d", w.fd)
	return secured, nil
}

// webConn is a client's connection that HTTP is spoken over, perhaps inside
// TLS. It counts every byte that passes: as other bytes, but for those of the
// bodies that its user says are payload.
type webConn struct {
	net.Conn // the socket, perhaps behind a rate limit
	in       Instruments
	fd       int
	socket   *load.Socket
	remote   *load.Remote
	stall    time.Duration
	received atomic.Int64 // bytes that the meter does not know yet: totals in a report never shrink
	close    sync.Once
}

func newWebConn(tcp *net.TCPConn, cfg ClientConfig) *webConn {
	w := &webConn{
		Conn: cfg.Limits.Conn(&stallConn{TCPConn: tcp, stall: cfg.Stall}),
		in:   cfg.Instruments, fd: trace.Descriptor(tcp), stall: cfg.Stall,
		socket: cfg.Sockets.Data(tcp), remote: cfg.Meter.Remote(addrOf(tcp.RemoteAddr()).String()),
	}
	w.in.Meter.ConnOpened()
	return w
}

// Read fails when the server is silent for too long.
func (w *webConn) Read(p []byte) (int, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.stall)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	w.received.Add(int64(n))
	return n, err
}

func (w *webConn) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.in.Meter.OtherOut.Add(int64(n))
	return n, err
}

// payload counts bytes of a chunk as they come.
func (w *webConn) payload(n int) {
	w.received.Add(-int64(n))
	w.in.Meter.PayloadIn.Add(int64(n))
	w.remote.PayloadIn.Add(int64(n))
}

// settle counts what else was received. It is for the end of an answer: before,
// payload may be among it that its reader has not seen yet.
func (w *webConn) settle() { w.in.Meter.OtherIn.Add(w.received.Swap(0)) }

func (w *webConn) Close() error {
	err := net.ErrClosed
	w.close.Do(func() {
		w.in.Trace.Step("close(fd %d)", w.fd)
		w.socket.Close() // reads the kernel's last word on the bytes
		err = w.Conn.Close()
		w.in.Meter.ConnClosed()
	})
	return err
}

// wentAway reports whether the other side tore the connection down.
func wentAway(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
