package central

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"starmesh/common/fault"
	"starmesh/common/httphost"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/retry"
	"starmesh/common/store"
	"starmesh/common/trace"
)

// ServerConfig is how a Server serves. Folder must be set, and running.
type ServerConfig struct {
	Folder *store.Folder
	Access Access
	Bounds Bounds
	Limits rate.Limits
	TLS    *tls.Config // nil: plain TCP
	// AcceptPause is how long the server waits after each connection it takes,
	// so that the accept queue can be seen; 0: it does not.
	AcceptPause time.Duration
	// HTTPNames are those it may be asked by over plain HTTP, beside the machine's.
	HTTPNames httphost.Names
	Instruments
	Log   *slog.Logger // what an operator wants to know; nil: nothing
	Agent string       // program and version, told to clients

	NoIntroduce bool // receivers of a file are not told of each other
}

// Server answers requests on every connection of a listener.
type Server struct {
	cfg      ServerConfig
	meetings meetings

	mu      sync.Mutex // guards the fields below
	links   map[net.Conn]struct{}
	perAddr map[netip.Addr]int
	closing bool

	refusing     chan struct{} // room for those who are being told why not
	hashPatience time.Duration // how long an HTTP request waits for a file's id; it may come again
}

// maxRefusing is how many strangers at once are told why they may not come in;
// more are closed without a word.
const maxRefusing = 256

// beginRefusal takes a place among them, if there is one; endRefusal gives it
// back.
func (s *Server) beginRefusal() bool {
	select {
	case s.refusing <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) endRefusal() { <-s.refusing }

// NewServer returns a server that does nothing until Serve.
func NewServer(cfg ServerConfig) *Server {
	cfg.Bounds = cfg.Bounds.withDefaults()
	cfg.Instruments = cfg.Instruments.withDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: cfg, links: map[net.Conn]struct{}{}, perAddr: map[netip.Addr]int{},
		refusing: make(chan struct{}, maxRefusing), hashPatience: 2 * time.Second,
	}
}

// Serve accepts connections from ln, which it closes, until ctx ends; then it
// finishes the answers under way, for Bounds.Grace at most, closes every
// connection and returns nil. It fails when ln does.
func (s *Server) Serve(ctx context.Context, ln *net.TCPListener) error {
	listening, fd := s.cfg.Sockets.Listening(ln), trace.Descriptor(ln)
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()

	var conns sync.WaitGroup
	err := s.accept(ctx, ln, &conns)
	s.cfg.Trace.Step("close(fd %d) the listening socket", fd)
	listening.Close()
	ln.Close()
	s.drain(&conns)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// acceptPauses are those before the server tries again to accept.
var acceptPauses = retry.Backoff{First: 5 * time.Millisecond, Max: time.Second}

func (s *Server) accept(ctx context.Context, ln *net.TCPListener, conns *sync.WaitGroup) error {
	listenFD := trace.Descriptor(ln)
	for failures := 0; ; {
		conn, err := ln.AcceptTCP()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			// Out of descriptors, mostly: clients wait in the queue meanwhile.
			failures++
			pause := acceptPauses.Pause(failures)
			s.cfg.Log.Warn("cannot accept", "error", err, "again in", pause)
			_ = retry.Wait(ctx, pause) // the end of ctx is seen above
			continue
		}
		failures = 0
		s.traceAccept(listenFD, conn)
		conns.Go(func() { s.serve(ctx, conn) })
		_ = retry.Wait(ctx, s.cfg.AcceptPause) // the end of ctx is seen above
	}
}

func (s *Server) traceAccept(listenFD int, conn net.Conn) {
	queue := ""
	if waiting, _, ok := s.cfg.Sockets.AcceptQueue(); ok && waiting > 0 {
		queue = fmt.Sprintf("; %d more wait to be accepted", waiting)
	}
	s.cfg.Trace.Step("accept(fd %d) → fd %d: %s ← %s, port class %s%s", listenFD, trace.Descriptor(conn),
		conn.LocalAddr(), conn.RemoteAddr(), load.PortClass(tcpPort(conn.RemoteAddr())), queue)
}

// drain waits for the connections, and closes those that take too long.
func (s *Server) drain(conns *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() { conns.Wait(); close(ended) }()
	select {
	case <-ended:
		return
	case <-time.After(s.cfg.Bounds.Grace):
	}
	s.mu.Lock()
	for conn := range s.links {
		conn.Close()
	}
	s.closing = true
	s.mu.Unlock()
	<-ended
}

// enter counts a connection in. It fails with fault.Refused or fault.Busy.
func (s *Server) enter(conn net.Conn) error {
	if err := s.cfg.Access.admits(conn.RemoteAddr()); err != nil {
		return err
	}
	addr := addrOf(conn.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return fault.Wrapf(fault.Closed, "the server is stopping")
	}
	if scarce(conn, 2) {
		return fault.Later(fault.Wrapf(fault.Busy, "the server has almost as many files and connections open as its system allows"), 5*time.Second)
	}
	if len(s.links) >= s.cfg.Bounds.Conns {
		return fault.Later(fault.Wrapf(fault.Busy, "all connections of the server (%d) are in use", s.cfg.Bounds.Conns), 5*time.Second)
	}
	if !addr.IsLoopback() && s.perAddr[addr] >= s.cfg.Bounds.ConnsPerAddr {
		return fault.Later(fault.Wrapf(fault.Busy, "%s has as many connections here (%d) as one address may", addr, s.perAddr[addr]), 5*time.Second)
	}
	s.links[conn] = struct{}{}
	s.perAddr[addr]++
	return nil
}

// scarce reports whether conn takes one of the descriptors that are kept back: the
// last reserve is for looking at the folder, the one before for sending files.
func scarce(conn net.Conn, reserves int) bool {
	fd := trace.Descriptor(conn)
	return fd >= 0 && store.Scarce(uintptr(fd), reserves)
}

func (s *Server) leave(conn net.Conn) {
	addr := addrOf(conn.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, conn)
	if s.perAddr[addr]--; s.perAddr[addr] <= 0 {
		delete(s.perAddr, addr)
	}
}

// serve is one connection's life.
func (s *Server) serve(ctx context.Context, conn *net.TCPConn) {
	if err := s.enter(conn); err != nil {
		s.cfg.Meter.ConnRefused()
		s.refuse(conn, err)
		return
	}
	s.cfg.Meter.ConnOpened()
	defer s.cfg.Meter.ConnClosed()
	defer s.leave(conn)
	l, err := s.link(ctx, conn)
	if err != nil {
		s.cfg.Log.Debug("no TLS", "remote", conn.RemoteAddr(), "error", err)
		return
	}
	stop := context.AfterFunc(ctx, l.interrupt)
	defer stop()

	session := &session{server: s, link: l, small: s.cfg.Folder.Small()}
	err = session.run(ctx)
	session.end(ctx, err)
}

// refuse says why, if the client reads it, and closes.
func (s *Server) refuse(conn *net.TCPConn, why error) {
	defer conn.Close()
	s.cfg.Trace.Step("close(fd %d) refused: %v", trace.Descriptor(conn), why)
	if s.cfg.TLS != nil || scarce(conn, 1) || !s.beginRefusal() {
		return // with TLS there is no link to say it on yet
	}
	defer s.endRefusal()
	tcp := &stallConn{TCPConn: conn, stall: time.Second}
	newLink(tcp, tcp, s.cfg.Instruments, time.Second).lastWord(failureOf(0, why))
}

// link sets up what the frames travel on.
func (s *Server) link(ctx context.Context, conn *net.TCPConn) (*link, error) {
	tcp := &stallConn{TCPConn: conn, stall: s.cfg.Bounds.Stall}
	top := s.cfg.Limits.Conn(tcp)
	if s.cfg.TLS != nil {
		var err error
		if top, err = s.handshakeTLS(ctx, top, tcp); err != nil {
			conn.Close()
			return nil, err
		}
	}
	l := newLink(top, tcp, s.cfg.Instruments, s.cfg.Bounds.Stall)
	l.enter()
	return l, nil
}
