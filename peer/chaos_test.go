package peer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/store"
)

// A small world of nodes on pipes that take their time, whose connections
// break, and that dial each other at the same moment. All on a clock of its
// own, so that hours pass in a moment.

// late passes on what is written at one end of a stream after a while, which
// differs from stream to stream: chunks overtake words, and words chunks. Each
// piece takes the way for itself for a while.
func (c *pipedConn) late(group *sync.WaitGroup, far net.Conn, delay, each time.Duration) net.Conn {
	near, inner := c.pipe()
	for _, way := range [][2]net.Conn{{inner, far}, {far, inner}} {
		type piece struct {
			bytes []byte
			due   time.Time
		}
		under := make(chan piece, 256)
		group.Go(func() {
			defer close(under)
			for {
				buf := make([]byte, 64<<10)
				n, err := way[0].Read(buf)
				if n > 0 {
					under <- piece{buf[:n], time.Now().Add(delay)}
				}
				if err != nil {
					return
				}
			}
		})
		group.Go(func() {
			for p := range under {
				time.Sleep(time.Until(p.due) + each)
				_, _ = way[1].Write(p.bytes) // it may be closed
			}
			_ = way[1].Close()
		})
	}
	return near
}

// pieceTime is what a piece of a chunk takes.
const pieceTime = 150 * time.Millisecond

// world is nodes by name, and the connections between them.
type world struct {
	t     *testing.T
	rand  *rand.Rand
	files []*store.Memory
	group sync.WaitGroup

	mu    sync.Mutex
	nodes map[string]pipedNode
	conns []*pipedConn
}

func (w *world) start(name string) pipedNode {
	n := startPiped(w.t, name, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes[name] = n
	return n
}

// dial has one node dial another. What either of them takes up for the other
// after it was replaced by a new one of the same name is lost.
func (w *world) dial(from, to string) {
	w.mu.Lock()
	a, b := w.nodes[from], w.nodes[to]
	delay := time.Duration(1+w.rand.IntN(200)) * time.Millisecond
	c := newPipedConn(a.self.peer, a.accept, b.self.peer, b.accept)
	w.conns = append(w.conns, c)
	w.mu.Unlock()
	for _, end := range []*pipedConn{c, c.other} {
		taken := end.taken
		end.taken = func(proto string, other conn, s stream) {
			far := s.(piped).Conn
			if proto == protoData {
				far = c.late(&w.group, far, delay/2, pieceTime)
			} else {
				far = c.late(&w.group, far, delay, 0)
			}
			taken(proto, other, piped{far})
		}
	}
	a.open(c)
}

// linked returns whether both have a link with each other.
func (w *world) linked(one, other string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, b := w.nodes[one], w.nodes[other]
	return a.links.with(b.self.peer) != nil && b.links.with(a.self.peer) != nil
}

// breaks ends a connection, as a cable does.
func (w *world) breaks() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.conns) > 0 {
		i := w.rand.IntN(len(w.conns))
		_ = w.conns[i].Close()
		w.conns = slices.Delete(w.conns, i, i+1)
	}
}

// share has a node share all files.
func (w *world) share(name string) {
	for _, file := range w.files {
		if _, err := w.nodes[name].share("file", oneFile{file}, nil); err != nil {
			w.t.Error(err)
		}
	}
}

// restarts has a node of the same name take another one's place, which shares
// all files.
func (w *world) restarts(name string) {
	w.mu.Lock()
	old := w.nodes[name]
	w.mu.Unlock()
	old.stop()
	w.mu.Lock()
	w.conns = slices.DeleteFunc(w.conns, func(c *pipedConn) bool {
		mine := c.remote == peer.ID(name) || c.other.remote == peer.ID(name)
		if mine {
			_ = c.Close()
		}
		return mine
	})
	w.mu.Unlock()
	w.start(name)
	w.share(name)
}

// TestWhateverBreaksAllGetTheFile: connections break and are dialled again,
// from both sides at once, and the origin is killed and comes back, while the
// others fetch one file after another.
func TestWhateverBreaksAllGetTheFile(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { breakAndMend(t, seed) })
		})
	}
}

func breakAndMend(t *testing.T, seed uint64) {
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 0)), nodes: map[string]pipedNode{}}
	for i := range 6 { // small ones, as of a folder, and a larger one
		w.files = append(w.files, makeFile(t, []int{chunk/2 + i, 12 * chunk}[i/5]))
	}
	names := []string{"a", "b", "c", "origin"}
	for _, name := range names {
		w.start(name)
	}
	w.share("origin")
	var fetches sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for _, name := range names[:3] {
		n := w.nodes[name]
		fetches.Go(func() {
			for i, file := range w.files {
				got := store.NewMemory(file.Chunks())
				if err := n.Fetch(ctx, "file", got, patient()); err != nil {
					t.Errorf("seed %d, %s, file %d: %v; %+v", seed, name, i, err, n.Reach(file.Chunks().ID()))
					return
				}
				same(t, got, file)
			}
		})
	}
	for range 60 {
		w.disturb(names)
	}
	w.calm(ctx, names, &fetches)
	for _, name := range names {
		w.nodes[name].stop()
	}
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.group.Wait()
}

// disturb does something to the world.
func (w *world) disturb(names []string) {
	i, j := w.rand.IntN(len(names)), w.rand.IntN(len(names)-1)
	if j >= i {
		j++
	}
	switch w.rand.IntN(10) {
	case 0:
		w.restarts("origin")
	case 1, 2, 3:
		w.breaks()
	case 4, 5: // both at once
		w.dial(names[i], names[j])
		w.dial(names[j], names[i])
	default:
		w.dial(names[i], names[j])
	}
	if w.rand.IntN(2) == 0 {
		time.Sleep(time.Duration(w.rand.IntN(300)) * time.Millisecond)
	}
	if w.rand.IntN(20) == 0 {
		time.Sleep(simultaneousTime)
	}
}

// calm lets nodes that are not linked dial each other, as those who look for
// them do, until all have what they fetch.
func (w *world) calm(ctx context.Context, names []string, fetches *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fetches.Wait()
	}()
	for {
		for i, name := range names {
			for _, other := range names[:i] {
				if !w.linked(name, other) {
					w.dial(name, other)
				}
			}
		}
		select {
		case <-done:
			return
		case <-ctx.Done():
			<-done
			return
		case <-time.After(time.Second):
		}
	}
}
