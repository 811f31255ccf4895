package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"starmesh/common/load"
	"starmesh/common/trace"
)

// streams is the service over TCP.
type streams struct {
	cfg    Config
	ln     net.Listener
	fd     int
	places chan struct{} // one for each connection there may be
}

func newStreams(cfg Config, ln net.Listener) *streams {
	return &streams{cfg: cfg, ln: ln, fd: trace.Descriptor(ln), places: make(chan struct{}, cfg.MaxConns)}
}

// serve accepts until ctx ends, and returns when the last connection is closed.
func (s *streams) serve(ctx context.Context) error {
	entry := s.cfg.Sockets.Listening(s.ln)
	defer atEnd(ctx, func() {
		entry.Close()
		s.cfg.Trace.Step("close(fd %d) the listening socket", s.fd)
		_ = s.ln.Close() // it was only read from
	})()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := s.ln.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("the echo service over TCP has failed: %w", err)
		case err != nil: // out of descriptors, or a client that has gone already
			s.cfg.Trace.Step("accept(fd %d) failed: %v", s.fd, err)
			pause(ctx, 50*time.Millisecond)
		default:
			s.take(ctx, conn, &conns)
		}
	}
}

// atEnd calls f once, when ctx ends or the function it gives is called. That
// one returns when f has.
func atEnd(ctx context.Context, f func()) (now func()) {
	once := sync.OnceFunc(f)
	context.AfterFunc(ctx, once)
	return once
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// take serves a new connection if there is a place for it.
func (s *streams) take(ctx context.Context, conn net.Conn, conns *sync.WaitGroup) {
	fd := trace.Descriptor(conn)
	s.cfg.Trace.Step("accept(fd %d) → fd %d: %s ← %s, port class %s", s.fd, fd,
		conn.LocalAddr(), conn.RemoteAddr(), portClass(conn.RemoteAddr()))
	select {
	case s.places <- struct{}{}:
	default:
		s.cfg.Meter.ConnRefused()
		traceClosed(s.cfg.Trace, fd, load.Here, fmt.Sprintf(", refusing: %d connections are open already", s.cfg.MaxConns))
		_ = conn.Close()
		return
	}
	conns.Go(func() {
		defer func() { <-s.places }()
		s.cfg.Meter.ConnOpened()
		defer s.cfg.Meter.ConnClosed()
		entry := s.cfg.Sockets.Data(conn)
		why := s.echo(ctx, conn, fd)
		traceClosed(s.cfg.Trace, fd, entry.Close(), why)
		_ = conn.Close() // all that could be sent was
	})
}

// echo sends back what comes until the connection ends, and says why it did
// where that is not simply that the other side closed it.
func (s *streams) echo(ctx context.Context, conn net.Conn, fd int) string {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	for buf := make([]byte, 32<<10); ; {
		_ = conn.SetDeadline(time.Now().Add(s.cfg.Idle)) // fails only once closed, as does Read
		if ctx.Err() != nil {
			return ", because the service stops"
		}
		n, err := conn.Read(buf)
		if n > 0 {
			s.cfg.Trace.Step("recv(fd %d) %d bytes", fd, n)
			s.cfg.Meter.OtherIn.Add(int64(n))
			sent, err := conn.Write(buf[:n])
			s.cfg.Meter.OtherOut.Add(int64(sent))
			if err != nil {
				return s.ending(ctx, "send", err)
			}
			s.cfg.Trace.Step("send(fd %d) %d bytes", fd, sent)
		}
		if errors.Is(err, io.EOF) {
			s.cfg.Trace.Step("recv(fd %d) 0 bytes: the other side will send no more", fd)
			return ""
		}
		if err != nil {
			return s.ending(ctx, "recv", err)
		}
	}
}

func (s *streams) ending(ctx context.Context, call string, err error) string {
	switch {
	case ctx.Err() != nil:
		return ", because the service stops"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf(", because nothing moved for %v", s.cfg.Idle)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Sprintf(" after %s failed: %v", call, err)
}
