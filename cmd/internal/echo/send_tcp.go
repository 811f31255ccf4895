package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/trace"
)

// streamClient is the client's end of a TCP connection.
type streamClient struct {
	cfg   SendConfig
	conn  net.Conn
	fd    int
	buf   []byte
	entry *load.Socket // tells who closed first
}

func dialStream(ctx context.Context, cfg SendConfig) (*streamClient, error) {
	dialer := &net.Dialer{Control: traceSocket(cfg.Trace), Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		cfg.Trace.Step("connect(%s): %v", cfg.Address, cause(err))
		return nil, dialError(cfg.Address, err)
	}
	c := &streamClient{cfg: cfg, conn: conn, fd: trace.Descriptor(conn), buf: make([]byte, maxPiece)}
	c.entry = new(load.Sockets).Data(conn)
	cfg.Trace.Step("connect(fd %d, %s): the kernel chose %s for this side, port class %s",
		c.fd, conn.RemoteAddr(), conn.LocalAddr(), portClass(conn.LocalAddr()))
	return c, nil
}

func dialError(address string, err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens at %s: start it with `starmesh echo serve --listen %s` (%w)", address, address, syscall.ECONNREFUSED)
	}
	return fmt.Errorf("cannot connect to %s: %w", address, cause(err))
}

// cause is what the system said, without the addresses that net puts before it.
func cause(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

func (c *streamClient) send(ctx context.Context, p []byte) (Echo, error) {
	_ = c.conn.SetDeadline(time.Now().Add(c.cfg.Timeout)) // fails only once closed, as do the rest
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })()
	begin := time.Now()
	if _, err := c.conn.Write(p); err != nil {
		return Echo{}, c.failed(ctx, "send", 0, len(p), err)
	}
	c.cfg.Trace.Step("send(fd %d) %d bytes", c.fd, len(p))
	got := c.buf[:len(p)]
	for n := 0; n < len(got); {
		more, err := c.conn.Read(got[n:])
		if more > 0 {
			c.cfg.Trace.Step("recv(fd %d) %d bytes", c.fd, more)
		}
		if n += more; err != nil && n < len(got) {
			return Echo{}, c.failed(ctx, "recv", n, len(p), err)
		}
	}
	if err := same(c.cfg.Address, p, got); err != nil {
		return Echo{}, err
	}
	return Echo{Text: got, From: c.conn.RemoteAddr(), Time: time.Since(begin)}, nil
}

// failed says how an exchange has failed after n of size bytes came back.
func (c *streamClient) failed(ctx context.Context, call string, n, size int, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		c.cfg.Trace.Step("recv(fd %d) 0 bytes: the other side will send no more", c.fd)
		return fault.Wrapf(fault.Closed, "%s closed the connection after %d of %d bytes of the echo", c.cfg.Address, n, size)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("only %d of %d bytes came back from %s within %v: is that an echo service? (%w)", n, size, c.cfg.Address, c.cfg.Timeout, os.ErrDeadlineExceeded)
	}
	return fmt.Errorf("%s to %s failed: %w", call, c.cfg.Address, cause(err))
}

func (c *streamClient) close() {
	traceClosed(c.cfg.Trace, c.fd, c.entry.Close(), "")
	_ = c.conn.Close() // every echo was read: nothing is left to lose
}
