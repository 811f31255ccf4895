package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// webServer has a file and gives one chunk after the other, to whoever asks.
type webServer struct {
	file *store.Memory
	each time.Duration
	turn chan struct{} // holds one while somebody is given something

	mu    sync.Mutex
	gives map[int]int  // how often, by chunk
	down  bool         // it fails
	lies  map[int]bool // chunks that it gives wrong
}

// drawn is a node's connection with the server.
type drawn struct {
	*webServer
	by string
}

func (d drawn) Name() string { return "server" }

func (d drawn) Run(ctx context.Context, w transfer.Wanted) error {
	p := make([]byte, d.file.Chunks().ChunkLen(0))
	for {
		changed := w.Changed()
		i, ok := w.Missing().Next(0)
		if ok {
			_, ok = w.Claim(i)
		}
		if !ok {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		chunk := p[:d.file.Chunks().ChunkLen(i)]
		if err := d.give(ctx, i, chunk); err != nil {
			return err
		}
		if err := w.Deliver(i, chunk); err != nil {
			return err
		}
	}
}

// give takes its time, during which nobody else is given anything.
func (s *webServer) give(ctx context.Context, i int, p []byte) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	time.Sleep(s.each)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.down:
		return fault.Wrapf(fault.NoSource, "the server is down")
	}
	s.gives[i]++
	if err := s.file.ReadChunk(i, p); err != nil {
		return err
	}
	if s.lies[i] {
		p[0]++
	}
	return nil
}

// sent is how many chunks the server gave.
func (s *webServer) sent() (sum int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.gives {
		sum += n
	}
	return sum
}

func newWebServer(t *testing.T, chunks int) *webServer {
	return &webServer{file: makeFile(t, chunks*64<<10), each: 20 * time.Millisecond, turn: make(chan struct{}, 1), gives: map[int]int{}, lies: map[int]bool{}}
}

// TestAServerIsAskedForOneCopyByManyNodes: who draws on it, and what comes from
// it, each knows of the others.
func TestAServerIsAskedForOneCopyByManyNodes(t *testing.T) {
	for _, n := range []int{1, 2, 8} {
		synctest.Test(t, func(t *testing.T) {
			s := newWebServer(t, 64)
			nodes, files := drawAll(t, s, n)
			var group sync.WaitGroup
			for i, node := range nodes {
				group.Go(func() {
					if err := node.Fetch(testContext(t), "x", files[i], patient(), drawn{s, fmt.Sprint(i)}); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			for i := range files {
				same(t, files[i], s.file)
				nodes[i].stop()
			}
			if sent := s.sent(); sent > 64+2*n {
				t.Errorf("%d nodes: the server gave %d chunks of a file with 64", n, sent)
			}
		})
	}
}

// drawAll makes nodes that are all linked, and a place for the file at each.
func drawAll(t *testing.T, s *webServer, n int) (nodes []pipedNode, files []*store.Memory) {
	for i := range n {
		node := startPiped(t, fmt.Sprint("node ", i), nil)
		node.expects.Store(n > 1)
		for _, other := range nodes {
			dial(node, other)
		}
		nodes, files = append(nodes, node), append(files, store.NewMemory(s.file.Chunks()))
	}
	return nodes, files
}

// TestAServerThatIsDownForATimeIsAskedAgain, by whoever has not got the file.
func TestAServerThatIsDownForATimeIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWebServer(t, 40)
		nodes, files := drawAll(t, s, 3)
		var group sync.WaitGroup
		for i, node := range nodes {
			group.Go(func() {
				if err := node.Fetch(testContext(t), "x", files[i], patient(), drawn{s, fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		set := func(down bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.down = down
		}
		time.Sleep(500 * time.Millisecond)
		set(true)
		time.Sleep(4 * time.Second)
		if files[0].Have().Full() {
			t.Fatal("the file was whole before the server went")
		}
		set(false)
		group.Wait()
		for i := range files {
			same(t, files[i], s.file)
			nodes[i].stop()
		}
	})
}

// TestAServerThatLiesIsGivenUp: alone with it a node says so; with another node
// that has the file it comes from there.
func TestAServerThatLiesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWebServer(t, 4)
		s.lies[2] = true
		alone := startPiped(t, "alone", nil)
		err := alone.Fetch(testContext(t), "x", store.NewMemory(s.file.Chunks()), patient(), drawn{s, "alone"})
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("alone: %v", err)
		}
		has, lacks := startPiped(t, "has", nil), startPiped(t, "lacks", nil)
		if _, err := has.share("x", oneFile{s.file}, nil); err != nil {
			t.Fatal(err)
		}
		dial(lacks, has)
		to := store.NewMemory(s.file.Chunks())
		if err := lacks.Fetch(testContext(t), "x", to, patient(), drawn{s, "lacks"}); err != nil {
			t.Errorf("with another node: %v", err)
		}
		same(t, to, s.file)
		for _, n := range []pipedNode{alone, has, lacks} {
			n.stop()
		}
	})
}

// town is a neighbourhood in which everybody can be dialled.
type town struct {
	nowhere
	self  pipedNode
	nodes map[peer.ID]pipedNode // only read
	group *sync.WaitGroup
	opens time.Time // nobody is dialled before
}

func (town) Tellable(to peer.ID, about []peer.ID) (told []peer.AddrInfo) {
	for _, id := range about {
		if id != to {
			told = append(told, peer.AddrInfo{ID: id})
		}
	}
	return told
}

func (t town) Told(_ peer.ID, places []peer.AddrInfo, limit int) (dialled int) {
	for _, p := range places {
		other, known := t.nodes[p.ID]
		if !known || t.self.links.with(p.ID) != nil || dialled == limit || time.Since(t.opens) < 0 {
			continue
		}
		dialled++
		t.group.Go(func() {
			time.Sleep(50 * time.Millisecond) // as a handshake takes
			dial(t.self, other)
		})
	}
	return dialled
}

// TestThoseWhoDrawAreIntroduced by whoever is linked with both, though they look
// for nobody else.
func TestThoseWhoDrawAreIntroduced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWebServer(t, 64)
		var nodes []pipedNode
		var group, dials sync.WaitGroup
		all := map[peer.ID]pipedNode{}
		for i := range 3 {
			node := startPiped(t, fmt.Sprintf("\x00\x04%04d", i), nil)
			node.expects.Store(true)
			nodes, all[node.self.peer] = append(nodes, node), node
		}
		for i, node := range nodes {
			node.around = town{self: node, nodes: all, group: &dials, opens: time.Now().Add(time.Millisecond)}
			if i > 0 {
				dial(node, nodes[0])
			}
			group.Go(func() {
				if err := node.Fetch(testContext(t), "x", store.NewMemory(s.file.Chunks()), patient(), drawn{s, fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for _, node := range nodes[1:] {
			swarm := node.shelf.swarm(s.file.Chunks().ID())
			swarm.mu.Lock()
			swarm.search.looked = enoughMembers
			swarm.mu.Unlock()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if nodes[1].links.with(nodes[2].self.peer) == nil {
			t.Error("two that draw, and are linked with a third, are not linked with each other")
		}
		group.Wait()
		dials.Wait()
		for _, node := range nodes {
			node.stop()
		}
	})
}

// TestHeavyThoseWhoDrawMeet: nodes that each know a few of many at first, and begin
// one after the other, take hardly more than one copy from a server.
func TestHeavyThoseWhoDrawMeet(t *testing.T) {
	if os.Getenv("STARMESH_HEAVY") == "" {
		t.Skip("STARMESH_HEAVY is not set")
	}
	synctest.Test(t, func(t *testing.T) {
		const n, chunks = 24, 128
		s := newWebServer(t, chunks)
		s.each = 65 * time.Millisecond
		var nodes []pipedNode
		var group, dials sync.WaitGroup
		all := map[peer.ID]pipedNode{}
		for i := range n {
			node := startPiped(t, fmt.Sprintf("\x00\x04%04d", i), nil) // as ids are sent
			node.expects.Store(true)
			nodes, all[node.self.peer] = append(nodes, node), node
		}
		for _, node := range nodes {
			node.around = town{self: node, nodes: all, group: &dials}
		}
		for i, node := range nodes {
			dial(node, nodes[(i+1)%n])
			dial(node, nodes[(i+7)%n])
			group.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				to := store.NewMemory(s.file.Chunks())
				if err := node.Fetch(testContext(t), "x", to, patient(), drawn{s, fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
				same(t, to, s.file)
			})
		}
		group.Wait()
		dials.Wait()
		for _, node := range nodes {
			node.stop()
		}
		if sent := s.sent(); sent > chunks*105/100 {
			t.Errorf("the server gave %d chunks of a file with %d to %d nodes", sent, chunks, n)
		}
	})
}
