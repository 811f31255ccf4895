package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// trouble is what a proxy does to a connection: one of these, in one
// direction, after so many bytes.
type trouble struct {
	kind  string // delay, cut, flip, stall, trickle, half-close, reset
	down  bool   // what the server sends; else what the client does
	after int64
}

// proxy stands between a client and a server, and does to its first
// connections what it was told; later ones it passes on as they are.
type proxy struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	troubles []trouble

	count atomic.Int64
	mu    sync.Mutex
	open  map[net.Conn]bool
	over  chan struct{} // closed by close
	all   sync.WaitGroup
}

// proxy listens on loopback and passes on to an address of the island (nil:
// where we are).
func (r *round) proxy(where *island, to string, troubles ...trouble) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{
		listener: l, dial: func() (net.Conn, error) { return where.dial(to) },
		troubles: troubles, open: make(map[net.Conn]bool), over: make(chan struct{}),
	}
	p.all.Go(p.accept)
	r.undo = append(r.undo, p.close)
	r.logf("proxy %s to %s: %v", l.Addr(), to, troubles)
	return p, nil
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.all.Go(func() { p.pass(c) })
	}
}

// close ends all connections, and waits until nobody passes anything on.
func (p *proxy) close() error {
	err := p.listener.Close()
	close(p.over)
	p.mu.Lock()
	for c := range p.open {
		_ = c.Close() // its reader says so
	}
	p.open = nil
	p.mu.Unlock()
	p.all.Wait()
	return err
}

// keep notes a connection for close; it says no when that is over.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		_ = c.Close() // nothing was sent
		return false
	}
	p.open[c] = true
	return true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = c.Close() // both sides know already
	delete(p.open, c)
}

// pass is one connection, to its end.
func (p *proxy) pass(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	server, err := p.dial()
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	t := trouble{kind: "none"}
	if i := p.count.Add(1) - 1; i < int64(len(p.troubles)) {
		t = p.troubles[i]
	}
	end := func() { p.drop(client); p.drop(server) }
	var both sync.WaitGroup
	both.Go(func() { p.pump(server, client, t, t.down, end) })
	both.Go(func() { p.pump(client, server, t, !t.down, end) })
	both.Wait()
}

// pump passes bytes on from one connection to the other; ill says whether
// this is the direction in trouble.
func (p *proxy) pump(from, to net.Conn, t trouble, ill bool, end func()) {
	var err error
	if !ill || t.kind == "none" {
		_, err = io.Copy(to, from)
	} else if _, err = io.CopyN(to, from, t.after); err == nil {
		err = p.strike(t, from, to)
	}
	if err == nil {
		if half, ok := to.(*net.TCPConn); ok {
			err = half.CloseWrite()
		}
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: it ended before the trouble
		end()
	}
}

var errCut = errors.New("cut")

// strike does what the trouble is, and passes on what comes after it.
func (p *proxy) strike(t trouble, from, to net.Conn) error {
	switch t.kind {
	case "cut":
		return errCut
	case "reset":
		if tcp, ok := to.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // else it is a cut
		}
		return errCut
	case "half-close":
		return nil // the caller closes this direction, the other stays
	case "stall":
		<-p.over // nothing is read any more, and nothing is closed
		return errCut
	case "flip":
		b := make([]byte, 1)
		if _, err := io.ReadFull(from, b); err != nil {
			return err
		}
		b[0] ^= 1 << (t.after % 8)
		if _, err := to.Write(b); err != nil {
			return err
		}
	case "trickle":
		if _, err := io.CopyN(to, slow{from, time.Millisecond, 7}, 4<<10); err != nil {
			return err
		}
	case "delay":
		if _, err := io.CopyN(to, slow{from, 50 * time.Millisecond, 64 << 10}, 1<<20); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown trouble %q", t.kind)
	}
	_, err := io.Copy(to, from)
	return err
}

// slow reads at most so many bytes at a time, and waits before each.
type slow struct {
	conn net.Conn
	wait time.Duration
	max  int
}

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(s.wait)
	return s.conn.Read(p[:min(len(p), s.max)])
}

// ail draws what the first few connections suffer: after how much of what the
// server sends, or of what the client does.
func (r *round) ail(down, up int64, kinds ...string) []trouble {
	var all []trouble
	for range r.upTo(4) {
		t := trouble{kind: pick(r, kinds...), down: r.rng.IntN(4) > 0}
		if t.down {
			t.after = r.rng.Int64N(down)
		} else {
			t.after = r.rng.Int64N(up)
		}
		all = append(all, t)
	}
	return all
}

// tally counts them for the table.
func (p *proxy) tally(r *round) {
	for _, t := range p.troubles[:min(int(p.count.Load()), len(p.troubles))] {
		r.count("connections with "+t.kind, 1)
	}
}
