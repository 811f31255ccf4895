package peer

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/peer/p2phost"
)

// Whole conversations without a host: nodes whose connections are pipes in
// memory, on a clock that is not the machine's.

// pipedNode is a node that lives until stop, on no network.
type pipedNode struct {
	*Node
	stop func()
}

func startPiped(t *testing.T, id string, change func(*Config)) pipedNode {
	t.Helper()
	cfg := Config{Config: p2phost.Config{Meter: new(load.Meter)}, Agent: "piped"}
	if change != nil {
		change(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.begin(context.Background(), peer.ID(id), nowhere{})
	var group sync.WaitGroup
	group.Go(func() { n.ticks(n.life.ctx) })
	return pipedNode{Node: n, stop: func() {
		n.life.end()
		n.leave()
		n.life.group.Wait()
		group.Wait()
	}}
}

// pipedConn is one end of a connection whose streams are pipes.
type pipedConn struct {
	remote  peer.ID
	dialled bool
	from    netip.Addr
	taken   func(proto string, c conn, s stream) // takes streams up, at the other end
	other   *pipedConn

	mu    *sync.Mutex // guards pipes
	pipes *[]net.Conn // both ends of all of them
}

// dial connects two nodes; from is the one who dials.
func dial(from, to pipedNode) *pipedConn {
	c := newPipedConn(from.self.peer, from.accept, to.self.peer, to.accept)
	from.open(c)
	return c
}

// newPipedConn returns the end of who has dialled.
func newPipedConn(from peer.ID, back func(string, conn, stream), to peer.ID, there func(string, conn, stream)) *pipedConn {
	c := &pipedConn{remote: to, dialled: true, taken: there, mu: new(sync.Mutex), pipes: new([]net.Conn)}
	c.other = &pipedConn{remote: from, taken: back, other: c, mu: c.mu, pipes: c.pipes}
	return c
}

func (c *pipedConn) Remote() peer.ID  { return c.remote }
func (c *pipedConn) Dialled() bool    { return c.dialled }
func (c *pipedConn) From() netip.Addr { return c.from }

func (c *pipedConn) Open(_ context.Context, proto string) (stream, error) {
	near, far := c.pipe()
	c.taken(proto, c.other, piped{far})
	return piped{near}, nil
}

// pipe makes a pipe that ends with the connection.
func (c *pipedConn) pipe() (near, far net.Conn) {
	near, far = net.Pipe()
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.pipes = append(*c.pipes, near, far)
	return near, far
}

func (c *pipedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range *c.pipes {
		_ = p.Close()
	}
	return nil
}

// piped is one end of a stream.
type piped struct{ net.Conn }

func (p piped) Reset() error { return p.Close() }

// nowhere is a neighbourhood in which nobody is looked for.
type nowhere struct{}

func (nowhere) Own(peer.ID) []ma.Multiaddr                  { return nil }
func (nowhere) Learn(peer.ID, []ma.Multiaddr)               {}
func (nowhere) Tellable(peer.ID, []peer.ID) []peer.AddrInfo { return nil }
func (nowhere) Near(peer.ID, string) bool                   { return true }
func (nowhere) Told(peer.ID, []peer.AddrInfo, int) int      { return 0 }
func (nowhere) Have(content.ID)                             {}
func (nowhere) Want(content.ID)                             {}
func (nowhere) Enough(content.ID)                           {}
func (nowhere) Ending(peer.ID, error)                       {}
func (nowhere) Drop(content.ID)                             {}
func (nowhere) Why() string                                 { return "" }

func TestAFileTravelsOverPipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 20*chunk+5)
		origin := startPiped(t, "origin", nil)
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		takers := []pipedNode{startPiped(t, "a", nil), startPiped(t, "b", nil), startPiped(t, "c", nil)}
		for i, n := range takers {
			dial(n, origin)
			for _, other := range takers[:i] {
				dial(n, other)
			}
		}
		var group sync.WaitGroup
		for _, n := range takers {
			group.Go(func() {
				list, name, err := n.ChunkList(testContext(t), file.Chunks().ID())
				if err != nil || name != "file" {
					t.Errorf("the list of %q: %v", name, err)
					return
				}
				got := store.NewMemory(list)
				if err := n.Fetch(t.Context(), name, got, patient()); err != nil {
					t.Error(err)
					return
				}
				same(t, got, file)
			})
		}
		group.Wait()
		var in, again int64
		for _, n := range takers {
			in += n.cfg.Meter.ChunksIn.Load()
			again += n.cfg.Meter.AgainIn.Load()
		}
		if in != 3*21 || again != 0 {
			t.Errorf("%d chunks arrived, want %d; %d bytes twice", in, 3*21, again)
		}
		origin.stop()
		synctest.Wait()
		for _, n := range takers {
			if r := n.Reach(file.Chunks().ID()); r.Nodes != 2 || r.Missing != 0 {
				t.Errorf("once the origin has left: %+v", r)
			}
		}
		for _, n := range takers {
			n.stop()
		}
	})
}

func TestANodeOnPipesLeavesInGoodOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 200*chunk)
		origin, taker := startPiped(t, "origin", nil), startPiped(t, "taker", nil)
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		dial(taker, origin)
		got := store.NewMemory(file.Chunks())
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _ = taker.Fetch(ctx, "file", got, patient()) }) // it is stopped
		for got.Have().Count() < 5 {
			time.Sleep(time.Millisecond)
		}
		if cutOff := origin.Settle(t.Context()); cutOff != 0 {
			t.Errorf("%d chunks were cut off", cutOff)
		}
		synctest.Wait()
		if sent := origin.cfg.Meter.ChunksOut.Load(); got.Have().Count() != int(sent) {
			t.Errorf("%d chunks were sent, %d are there", sent, got.Have().Count())
		}
		cancel()
		group.Wait()
		origin.stop()
		taker.stop()
	})
}
