package central

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// session is the server's end of one connection: requests are read, and
// answered in order, by one goroutine; watches have one of their own each.
type session struct {
	server  *Server
	link    *link
	user    string
	open    *store.Held // the file asked for last
	small   *store.Small
	fetches content.ID // the file of which others are told that it is fetched
	watches sync.WaitGroup
	stops   []func()
}

// run serves until the client says bye, breaks the grammar or goes, or the
// server stops.
func (s *session) run(ctx context.Context) error {
	if err := cmp.Or(s.greet(ctx), ctx.Err()); err != nil {
		return err
	}
	for ctx.Err() == nil {
		h, err := s.link.next(s.idle())
		if err != nil {
			return err
		}
		if h.n > maxSmall {
			// Payload comes only when it was asked for: no memory for it here.
			return fault.Wrapf(fault.TooLarge, "%s with %d bytes, which nobody asked for", typeName(h.kind), h.n)
		}
		b, err := s.link.body(h)
		if err != nil {
			return err
		}
		if h.kind == typeBye {
			_, err := decodeBye(b)
			return err
		}
		if err := s.answer(ctx, h.kind, b); err != nil {
			return err
		}
		if !s.link.isNextHere() {
			s.small.Close()
			if err := s.link.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// idle is how long the client may be silent between requests. One that
// watches is for ever: a client that is gone shows when the kernel's
// keep-alive probes stay unanswered.
func (s *session) idle() time.Duration {
	if len(s.stops) > 0 {
		return 0
	}
	return s.server.cfg.Bounds.Idle
}

// end tells the client why, where that makes sense, and frees everything.
func (s *session) end(ctx context.Context, err error) {
	for _, stop := range s.stops {
		stop()
	}
	s.watches.Wait()
	s.server.meetings.leave(s)
	first, why := s.farewell(ctx, err)
	if s.open != nil {
		s.open.Close()
	}
	s.small.Close()
	s.link.close(first, why)
}

// farewell tells the client why the connection ends, if it is the server who
// ends it; first is the side that closed, as far as is known.
func (s *session) farewell(ctx context.Context, err error) (first load.Side, why string) {
	switch {
	case ctx.Err() != nil && err == nil: // right after an answer; more requests may be on their way
		s.link.lastWord(bye{Reason: "the server stops"})
		return load.Here, "the server stops"
	case ctx.Err() != nil:
		_ = s.link.send(bye{Reason: "the server stops"})
		return load.Here, "the server stops"
	case err == nil, errors.Is(err, io.EOF):
		return load.There, "the client closed first"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return load.There, "the client went in the middle of a message"
	case errors.Is(err, net.ErrClosed):
		return load.Here, "the grace after the stop is over"
	case isTimeout(err):
		s.link.lastWord(bye{Reason: "nothing heard for too long"})
		return load.Here, "the server closed first: nothing heard for too long"
	case errors.As(err, new(net.Error)):
		return load.There, "the client is gone: " + err.Error()
	default:
		s.link.lastWord(failureOf(0, err))
		s.server.cfg.Log.Info("connection ended", "remote", s.link.conn.RemoteAddr(), "error", err)
		return load.Here, "the server closed first: " + err.Error()
	}
}

// greet does HELLO and, where users are asked for, AUTH.
func (s *session) greet(ctx context.Context) error {
	cfg := &s.server.cfg
	s.link.read.until = time.Now().Add(cfg.Bounds.Handshake)
	defer func() { s.link.read.until = time.Time{} }()
	b, err := s.first(typeHello, fault.Protocol)
	if err != nil {
		return err
	}
	m, err := decodeHello(b)
	if err != nil {
		return err
	}
	if m.Min > version || m.Max < version {
		return fault.Wrapf(fault.Version, "this server speaks protocol version %d, the client %d to %d", version, m.Min, m.Max)
	}
	s.link.watch.Trace.Step("the client on fd %d is %s", s.link.watch.fd, readable.Text(m.Agent))
	users := cfg.Access.Users
	if err := s.link.send(welcome{Version: version, Features: longLists, Auth: users != nil, Idle: cfg.Bounds.Idle, Agent: cfg.Agent}); err != nil || users == nil {
		return err
	}
	return s.login(ctx, users)
}

func (s *session) login(ctx context.Context, users *Users) error {
	b, err := s.first(typeAuth, fault.Unauthorized)
	if err != nil {
		return err
	}
	m, err := decodeAuth(b)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(ctx, s.link.read.until)
	defer cancel()
	if err := users.check(ctx, addrOf(s.link.conn.RemoteAddr()), m.User, m.Password); err != nil {
		s.server.cfg.Log.Warn("login failed", "remote", s.link.conn.RemoteAddr(), "user", m.User)
		return err
	}
	s.user = m.User
	return s.link.send(ok{Req: m.Req})
}

// first reads a message that must be of one kind, or it is otherwise, within the
// handshake's time.
func (s *session) first(want frame.Type, otherwise error) ([]byte, error) {
	h, err := s.link.next(s.server.cfg.Bounds.Handshake)
	if err != nil {
		return nil, err
	}
	if h.kind != want {
		return nil, fault.Wrapf(otherwise, "%s came where %s was due", typeName(h.kind), typeName(want))
	}
	return s.link.body(h)
}

// answer meets one request. What it returns ends the connection; a request
// that can not be met is answered with ERROR and the connection goes on.
func (s *session) answer(ctx context.Context, kind frame.Type, b []byte) error {
	var req uint32
	err := fault.Wrapf(fault.Unknown, "message type %#02x is not known to protocol version %d", byte(kind), version)
	switch kind {
	case typePing:
		req, err = reply(b, decodePing, func(m ping) (uint32, error) { return m.Req, s.link.send(pong(m)) })
	case typeList:
		req, err = reply(b, decodeList, func(m list) (uint32, error) { return s.list(ctx, m) })
	case typeDescribe:
		req, err = reply(b, decodeDescribe, func(m describe) (uint32, error) { return m.Req, s.describe(ctx, m) })
	case typeProof:
		req, err = reply(b, decodeProof, func(m proof) (uint32, error) { return m.Req, s.prove(m) })
	case typeMeet:
		req, err = reply(b, decodeMeet, func(m meet) (uint32, error) { return m.Req, s.meet(m) })
	case typeGet:
		req, err = reply(b, decodeGet, func(m get) (uint32, error) { return m.Req, s.give(m) })
	case typePut:
		req, err = reply(b, decodePut, func(m put) (uint32, error) { return m.Req, s.take(ctx, m) })
	case typeWatch:
		req, err = reply(b, decodeWatch, func(m watch) (uint32, error) { return m.Req, s.watch(ctx, m) })
	default:
		req = requestOf(b)
	}
	if err == nil || endsConnection(err) {
		return err
	}
	return s.link.send(failureOf(req, err))
}

// reply decodes a request and hands it to its handler. A body that does not
// decode is the end of the connection when the grammar is broken, and an
// ERROR when only a value is.
func reply[M any](b []byte, decode func([]byte) (M, error), handle func(M) (uint32, error)) (uint32, error) {
	m, err := decode(b)
	if err != nil {
		return requestOf(b), err
	}
	return handle(m)
}

// requestOf is the request's number, which every body begins with.
func requestOf(b []byte) uint32 { return newDecoder(b).U32() }

// brokenLink marks an error after which the two sides no longer agree on
// where the next message begins.
type brokenLink struct{ error }

func (e brokenLink) Unwrap() error { return e.error }

// endsConnection tells errors of the link from errors of the request.
func endsConnection(err error) bool {
	var broken brokenLink
	var network net.Error
	return errors.As(err, &broken) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, fault.Protocol) || errors.Is(err, context.Canceled)
}

// held returns the file with an id, opened; the session keeps the last one.
func (s *session) held(id content.ID) (*store.Held, error) {
	if s.open != nil && s.open.Chunks().ID() == id && s.open.Changed() == nil {
		return s.open, nil
	}
	entry, _, err := s.server.cfg.Folder.ByID(id)
	if err != nil {
		return nil, err
	}
	f, err := s.server.cfg.Folder.Open(entry.Name)
	if err != nil {
		return nil, err
	}
	if f.Chunks().ID() != id {
		f.Close()
		return nil, fault.Wrapf(fault.Changed, "%s is another file now", entry.Name)
	}
	if s.open != nil {
		s.open.Close()
	}
	s.open = f
	return f, nil
}

// give answers GET: one CHUNK for each.
func (s *session) give(m get) error {
	if m.First == 0 && m.Count == 1 && s.link.inBurst() {
		given, err := s.link.sendLater(m.Req, func(b []byte) ([]byte, bool) { return s.small.Append(b, m.ID, content.MinChunk) })
		if given || err != nil {
			return err
		}
	}
	f, err := s.held(m.ID)
	if err != nil {
		return err
	}
	return giveChunks(s.link, m, f)
}

// giveChunks sends the chunks that m asks for; the side that has the file runs
// it: the server for GET, the client while its PUT goes on.
func giveChunks(l *link, m get, f chunkFile) error {
	if last := uint64(m.First) + uint64(m.Count); last > uint64(f.Chunks().Len()) {
		return fault.Wrapf(fault.Invalid, "chunks %d to %d of a file with %d", m.First, last-1, f.Chunks().Len())
	}
	for i := m.First; i < m.First+m.Count; i++ {
		if err := l.sendChunk(m.Req, int(i), f); err != nil {
			if l.write.torn.Load() {
				return brokenLink{err}
			}
			return err // said in place of the chunk
		}
	}
	return nil
}

// giveProof sends the part of the chunk list that m asks for.
func giveProof(l *link, m proof, list content.ChunkList) error {
	if last := uint64(m.First) + uint64(m.Count); last > uint64(list.Len()) {
		return fault.Wrapf(fault.Invalid, "values %d to %d of a list with %d", m.First, last-1, list.Len())
	}
	cvs := list.Bytes()[int(m.First)*content.CVSize : int(m.First+m.Count)*content.CVSize]
	return l.send(values{Req: m.Req, First: m.First, CVs: cvs})
}

// workingEvery is how often the other side is told how far a long request is.
const workingEvery = 300 * time.Millisecond

// meanwhile does work, and has tell say every now and then that it goes on: a
// disk may take its time to confirm what it was given.
func meanwhile(tell func(), work func() error) error {
	over := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		for {
			select {
			case <-time.After(workingEvery):
				tell()
			case <-over:
				return
			}
		}
	})
	err := work()
	close(over)
	telling.Wait()
	return err
}

// tellProgress returns a function that sends WORKING now and then, so that the
// other side is never left in silence; it calls lost when nobody listens.
func tellProgress(l *link, req uint32, lost func()) func(done, total int64) {
	var mu sync.Mutex
	var last time.Time
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < workingEvery {
			return
		}
		last = time.Now()
		if l.send(working{Req: req, Done: done, Total: total}) != nil {
			lost()
		}
	}
}
