package peer

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer/p2phost"
)

// testNode is a node that runs until the test ends or stop is called.
type testNode struct {
	*Node
	meter *load.Meter
	stop  func()
}

func startNode(t testing.TB, change func(*Config)) testNode {
	t.Helper()
	cfg := Config{Config: p2phost.Config{Meter: new(load.Meter), Listen: []string{"/ip4/127.0.0.1/tcp/0"}}}
	if change != nil {
		change(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- n.Run(ctx, func(ctx context.Context) error {
			close(up)
			<-ctx.Done()
			return nil
		})
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("node ended: %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-up:
	case err := <-ended:
		t.Fatal(err)
	}
	return testNode{Node: n, meter: cfg.Meter, stop: stop}
}

// makeFile returns a file of random bytes, held whole.
func makeFile(t testing.TB, size int) *store.Memory {
	t.Helper()
	p := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)})
	_, _ = rng.Read(p)
	list, err := content.Hash(t.Context(), bytes.NewReader(p), int64(size), nil)
	if err != nil {
		t.Fatal(err)
	}
	file := store.NewMemory(list)
	for i := range list.Len() {
		at := list.Offset(i)
		if err := file.WriteChunk(i, p[at:at+int64(list.ChunkLen(i))]); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// forEver is how long tests wait for what must come; their contexts end.
const forEver = time.Duration(-1)

// patient waits for ever.
func patient() transfer.Config { return transfer.Config{RetryFor: forEver} }

// fetch brings a file to n from whoever it can reach.
func (n testNode) fetch(ctx context.Context, list content.ChunkList, to store.File) error {
	return n.Fetch(ctx, "file", to, transfer.Config{RetryFor: forEver})
}

// begin has n fetch a file meanwhile; done waits until it is there.
func (n testNode) begin(t *testing.T, to *store.Memory) (done func()) {
	t.Helper()
	var group sync.WaitGroup
	group.Go(func() {
		if err := n.fetch(testContext(t), to.Chunks(), to); err != nil {
			t.Error(err)
		}
	})
	return group.Wait
}

func same(t testing.TB, got, want *store.Memory) {
	t.Helper()
	g, err := got.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if w, _ := want.Bytes(); !bytes.Equal(g, w) {
		t.Error("other bytes arrived")
	}
}

const chunk = content.MinChunk

func TestFilesOfEverySizeArrive(t *testing.T) {
	defer goleak.VerifyNone(t)
	origin, taker := startNode(t, nil), startNode(t, nil)
	taker.Meet(origin.host.Where())
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk + 7, 20*chunk + 12345} {
		file := makeFile(t, size)
		ticket, err := origin.Publish("file", file)
		if err != nil {
			t.Fatal(err)
		}
		list, name, err := taker.ChunkList(testContext(t), ticket.ID)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if name != "file" {
			t.Errorf("it is called %q", name)
		}
		got := store.NewMemory(list)
		if err := taker.fetch(testContext(t), list, got); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		same(t, got, file)
	}
	if again := taker.meter.AgainIn.Load(); again > 0 {
		t.Errorf("%d bytes arrived twice", again)
	}
	origin.stop()
	taker.stop()
}

// TestWhoSharesAFileIsKept: among many connections those with members of a file are
// closed last, and are like all others when it has been left.
func TestWhoSharesAFileIsKept(t *testing.T) {
	origin, taker, idle := startNode(t, nil), startNode(t, nil), startNode(t, nil)
	file := makeFile(t, 3*chunk)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	idle.Meet(origin.host.Where())
	if err := taker.fetch(testContext(t), file.Chunks(), store.NewMemory(file.Chunks())); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(origin.Links()) == 2 })
	worth := func(of testNode) int {
		if tags := origin.host.ConnManager().GetTagInfo(of.host.ID()); tags != nil {
			return tags.Tags[file.Chunks().ID().String()]
		}
		return 0
	}
	if worth(taker) == 0 || worth(idle) != 0 {
		t.Errorf("who has joined is worth %d, who has not %d", worth(taker), worth(idle))
	}
	taker.Withdraw(file.Chunks().ID())
	waitFor(t, func() bool { return worth(taker) == 0 })
}

func TestTenNodesShareTheWork(t *testing.T) {
	defer goleak.VerifyNone(t)
	file := makeFile(t, 64*chunk)
	slow := func(c *Config) { c.Limits = limitUp(3 << 20) }
	origin := startNode(t, slow)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	var nodes []testNode
	var group sync.WaitGroup
	for range 9 {
		n := startNode(t, slow)
		nodes = append(nodes, n)
		group.Go(func() {
			n.Meet(origin.host.Where())
			got := store.NewMemory(file.Chunks())
			if err := n.fetch(testContext(t), file.Chunks(), got); err != nil {
				t.Error(err)
				return
			}
			same(t, got, file)
		})
	}
	group.Wait()
	if sent := origin.meter.ChunksOut.Load(); sent > 2*64 {
		t.Errorf("the origin sent %d chunks of 64", sent)
	}
	var sent, helped int64
	for _, n := range nodes {
		sent += n.meter.ChunksOut.Load()
		if n.meter.ChunksOut.Load() > 0 {
			helped++
		}
		n.stop()
	}
	if helped < 7 || sent < 6*64 {
		t.Errorf("only %d of 9 receivers helped, with %d chunks", helped, sent)
	}
	origin.stop()
}

func TestAFetchGoesOnFromOtherPeersThanBefore(t *testing.T) {
	file := makeFile(t, 40*chunk)
	list := file.Chunks()
	got := store.NewMemory(list)
	p := make([]byte, chunk)
	for i := range 15 { // from a first run
		if err := errors.Join(file.ReadChunk(i, p), got.WriteChunk(i, p)); err != nil {
			t.Fatal(err)
		}
	}
	origin, taker := startNode(t, nil), startNode(t, nil)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	if err := taker.fetch(testContext(t), list, got); err != nil {
		t.Fatal(err)
	}
	same(t, got, file)
	if sent := origin.meter.ChunksOut.Load(); sent != 25 {
		t.Errorf("%d chunks were sent for the 25 that were missing", sent)
	}
}

func TestNodesWithDifferentHalvesCompleteEachOther(t *testing.T) {
	file := makeFile(t, 30*chunk)
	list := file.Chunks()
	a, b := startNode(t, nil), startNode(t, nil)
	a.Meet(b.host.Where())
	var group sync.WaitGroup
	p := make([]byte, chunk)
	for odd, n := range []testNode{a, b} {
		part := store.NewMemory(list)
		for i := odd; i < list.Len(); i += 2 {
			if err := errors.Join(file.ReadChunk(i, p), part.WriteChunk(i, p)); err != nil {
				t.Fatal(err)
			}
		}
		group.Go(func() {
			if err := n.fetch(testContext(t), list, part); err != nil {
				t.Error(err)
				return
			}
			same(t, part, file)
		})
	}
	group.Wait()
}

func TestWhenTheOriginLeavesTheRestSaysWhatExistsNowhere(t *testing.T) {
	file := makeFile(t, 16*chunk)
	list := file.Chunks()
	half := store.NewMemory(list)
	p := make([]byte, chunk)
	for i := range 12 {
		if err := errors.Join(file.ReadChunk(i, p), half.WriteChunk(i, p)); err != nil {
			t.Fatal(err)
		}
	}
	a, b := startNode(t, nil), startNode(t, nil)
	if _, err := a.Publish("file", half); err != nil {
		t.Fatal(err)
	}
	b.Meet(a.host.Where())
	got := store.NewMemory(list)
	err := b.Fetch(testContext(t), "file", got, transfer.Config{RetryFor: 500 * time.Millisecond})
	if !errors.Is(err, fault.NoSource) {
		t.Fatalf("Fetch: %v", err)
	}
	if want := "(4 of 16) exist nowhere"; !bytes.Contains([]byte(err.Error()), []byte(want)) {
		t.Errorf("it says %q, not %q", err, want)
	}
	if have := got.Have().Count(); have != 12 {
		t.Errorf("%d chunks have arrived, want the 12 that exist", have)
	}
	b.Withdraw(list.ID())

	// Somebody brings the rest back.
	c := startNode(t, nil)
	if _, err := c.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	b.Meet(c.host.Where())
	if err := b.fetch(testContext(t), list, got); err != nil {
		t.Fatal(err)
	}
	same(t, got, file)
}

func TestAFetchOutlivesALinkThatBreaks(t *testing.T) {
	t.Parallel()
	file := makeFile(t, 200*chunk)
	origin := startNode(t, func(c *Config) { c.Limits = limitUp(8 << 20) })
	taker := startNode(t, nil)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	got := store.NewMemory(file.Chunks())
	broken := make(chan struct{})
	cfg := transfer.Config{RetryFor: forEver, OnChunk: func(transfer.Chunk) {
		if got.Have().Count() == 20 {
			go func() {
				defer close(broken)
				for _, c := range taker.host.Network().Conns() {
					_ = c.Close()
				}
			}()
		}
	}}
	if err := taker.Fetch(testContext(t), "file", got, cfg); err != nil {
		t.Fatal(err)
	}
	<-broken
	same(t, got, file)
}

func TestListMergesWhatTheOthersShare(t *testing.T) {
	a, b, c := startNode(t, nil), startNode(t, nil), startNode(t, nil)
	both, one := makeFile(t, 3*chunk), makeFolder(t, 3)
	for _, n := range []testNode{a, b} {
		if _, err := n.Publish("both", both); err != nil {
			t.Fatal(err)
		}
		c.Meet(n.host.Where())
	}
	if _, err := b.PublishFolder("one", one.manifest, one.Tree); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(c.links.all()) == 2 })
	all := c.List(testContext(t))
	if len(all) != 2 || all[0].Nodes != 2 || all[1].Nodes != 1 || !all[1].Folder {
		t.Errorf("listed: %+v", all)
	}
}

// waitFor polls, for what no event tells of; the context of the test bounds it.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	ctx := testContext(t)
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come about")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func limitUp(bytesPerSecond float64) rate.Limits {
	return rate.Limits{Up: rate.New(bytesPerSecond)}
}
