package central

import (
	"context"
	"crypto/tls"
	"net"
	"sync"

	"starmesh/common/load"
)

// httpListener admits connections by the server's rules and counts them. One
// that is refused is let in for a single answer, which says why: an HTTP client
// does not listen before it has asked.
type httpListener struct {
	net.Listener
	server *Server
}

func (l *httpListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.server.httpConn(conn); c != nil {
			return c, nil
		}
		conn.Close()
	}
}

// httpConn gives what HTTP is spoken over; nil when too many strangers are
// being refused at the moment.
func (s *Server) httpConn(conn net.Conn) *httpConn {
	c := &httpConn{tcp: conn, server: s}
	if c.refused = s.enter(conn); c.refused != nil {
		s.cfg.Meter.ConnRefused()
		if !s.beginRefusal() {
			return nil
		}
	} else {
		s.cfg.Meter.ConnOpened()
		c.socket = s.cfg.Sockets.Data(conn)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		conn = &patientConn{TCPConn: tcp, stall: s.cfg.Bounds.Stall}
	}
	c.Conn = s.cfg.Limits.Conn(conn)
	return c
}

// httpConn counts every byte of a connection; what of it was payload is
// subtracted by the handler.
type httpConn struct {
	net.Conn          // perhaps behind a rate limit
	tcp      net.Conn // the socket
	server   *Server
	socket   *load.Socket
	refused  error // why it is let in for one answer only
	close    sync.Once
}

func (c *httpConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.server.cfg.Meter.OtherIn.Add(int64(n))
	return n, err
}

func (c *httpConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.server.cfg.Meter.OtherOut.Add(int64(n))
	return n, err
}

// CloseWrite lets net/http close without losing the last answer to a reset.
func (c *httpConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *httpConn) Close() error {
	err := net.ErrClosed
	c.close.Do(func() {
		if c.refused != nil {
			err = c.Conn.Close()
			c.server.endRefusal()
			return
		}
		c.socket.Close()
		err = c.Conn.Close()
		c.server.leave(c.tcp)
		c.server.cfg.Meter.ConnClosed()
	})
	return err
}

// refusalKey finds in a request's context why its connection is refused.
type refusalKey struct{}

func rememberRefusal(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if c, ok := conn.(*httpConn); ok && c.refused != nil {
		return context.WithValue(ctx, refusalKey{}, c.refused)
	}
	return ctx
}
