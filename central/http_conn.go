package central

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"starmesh/common/load"
	"starmesh/common/retry"
	"starmesh/common/trace"
)

// httpListener admits connections by the server's rules and counts them. One
// that is refused is let in for a single answer, which says why: an HTTP client
// does not listen before it has asked.
type httpListener struct {
	net.Listener
	server *Server
	ctx    context.Context // of ServeHTTP, for net/http gives none
	fd     int
	taken  bool // there was a connection before
}

func (l *httpListener) Accept() (net.Conn, error) {
	for {
		if l.taken {
			_ = retry.Wait(l.ctx, l.server.cfg.AcceptPause) // then the listener is closed
		}
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.taken = true
		l.server.traceAccept(l.fd, conn)
		if c := l.server.httpConn(conn); c != nil {
			return c, nil
		}
		conn.Close()
	}
}

// httpConn returns what HTTP is spoken over; nil when too many strangers are
// being refused at the moment, or descriptors are scarce.
func (s *Server) httpConn(conn net.Conn) *httpConn {
	c := &httpConn{tcp: conn, server: s, fd: trace.Descriptor(conn)}
	if c.refused = s.enter(conn); c.refused != nil {
		s.cfg.Meter.ConnRefused()
		if scarce(conn, 1) || !s.beginRefusal() {
			return nil
		}
	} else {
		s.cfg.Meter.ConnOpened()
		c.socket = s.cfg.Sockets.Data(conn)
		c.remote = s.cfg.Meter.Remote(addrOf(conn.RemoteAddr()).String())
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		conn = &stallConn{TCPConn: tcp, stall: s.cfg.Bounds.Stall}
	}
	c.Conn = s.cfg.Limits.Conn(conn)
	return c
}

// httpConn counts every byte of a connection.
type httpConn struct {
	net.Conn          // perhaps behind a rate limit
	tcp      net.Conn // the socket
	fd       int
	server   *Server
	socket   *load.Socket
	remote   *load.Remote
	due      atomic.Int64 // bytes of payload that are still to be written
	refused  error        // why it is let in for one answer only
	close    sync.Once
}

func (c *httpConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.server.cfg.Meter.OtherIn.Add(int64(n))
	return n, err
}

func (c *httpConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent(int64(n))
	return n, err
}

// sent counts what has left: as payload while any is due, so that an answer's
// head is counted behind its body. At the end of the answer both are right, and
// at no time does a total shrink.
func (c *httpConn) sent(n int64) {
	payload := min(n, c.due.Load())
	c.server.cfg.Meter.OtherOut.Add(n - payload)
	if payload > 0 {
		c.due.Add(-payload)
		c.server.cfg.Meter.PayloadOut.Add(payload)
		c.remote.PayloadOut.Add(payload)
	}
}

// ReadFrom sends a part of a file by sendfile, where nothing is between the
// file and the socket.
func (c *httpConn) ReadFrom(r io.Reader) (int64, error) {
	part, bounded := r.(*io.LimitedReader)
	tcp, direct := c.Conn.(*stallConn)
	if !bounded || !direct || !haveSendfile {
		return io.Copy(onlyWriter{c}, r)
	}
	f, shared := part.R.(*sharedFile)
	if !shared {
		return io.Copy(onlyWriter{c}, r)
	}
	sent := int64(0)
	for part.N > 0 {
		n := min(part.N, slice)
		if err := f.sendTo(tcp, int(n)); err != nil {
			return sent, err
		}
		c.sent(n)
		part.N -= n
		sent += n
	}
	return sent, nil
}

// onlyWriter hides ReadFrom from io.Copy.
type onlyWriter struct{ io.Writer }

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
		c.server.cfg.Trace.Step("close(fd %d)", c.fd)
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

// connKey finds in a request's context the connection that it came over.
type connKey struct{}

func rememberConn(ctx context.Context, conn net.Conn) context.Context {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	return context.WithValue(ctx, connKey{}, conn)
}

func connOf(r *http.Request) *httpConn { return r.Context().Value(connKey{}).(*httpConn) }

// answerWriter tells of an answer when its head is sent, and announces a body
// that is payload to its connection.
type answerWriter struct {
	http.ResponseWriter
	conn    *httpConn
	payload bool
	head    bool // nothing but the head is asked for
}

func (a *answerWriter) WriteHeader(status int) {
	length := a.Header().Get("Content-Length")
	if n, err := strconv.ParseInt(length, 10, 64); err == nil && a.payload && (status == http.StatusOK || status == http.StatusPartialContent) {
		a.conn.due.Store(n)
	}
	a.conn.server.cfg.Trace.Step("send(fd %d) %d %s, %s", a.conn.fd, status, http.StatusText(status), a.follows(length))
	a.ResponseWriter.WriteHeader(status)
}

// follows says what comes behind the head of an answer.
func (a *answerWriter) follows(length string) string {
	switch {
	case a.head:
		return "and nothing follows"
	case length == "":
		return "the body follows"
	default:
		return length + " bytes follow"
	}
}

// ReadFrom lets net/http hand a body to httpConn.ReadFrom.
func (a *answerWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(a.ResponseWriter, r) }

// sharedFile reads a file whose descriptor many answers share, each at a place
// of its own.
type sharedFile struct {
	*io.SectionReader
	f *os.File
}

func newSharedFile(f *os.File, size int64) *sharedFile {
	return &sharedFile{io.NewSectionReader(f, 0, size), f}
}

// sendTo sends the next n bytes without copying them through this process.
func (s *sharedFile) sendTo(conn *stallConn, n int) error {
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if err := sendFile(conn, nil, s.f, at, n); err != nil {
		return err
	}
	_, err = s.Seek(int64(n), io.SeekCurrent)
	return err
}
