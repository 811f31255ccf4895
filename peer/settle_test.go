package peer

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer/p2phost"
)

// partly has a node with a slow uplink share a file and another fetch it, and
// returns while it does.
func partly(t *testing.T) (origin, taker testNode, got *store.Memory, end func()) {
	t.Helper()
	file := makeFile(t, 64*chunk)
	origin = startNode(t, func(c *Config) { c.Limits = limitUp(1 << 20) })
	taker = startNode(t, nil)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	got = store.NewMemory(file.Chunks())
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = taker.Fetch(ctx, "file", got, transfer.Config{RetryFor: forEver}) }) // it is stopped
	waitFor(t, func() bool { return got.Have().Count() >= 5 })
	return origin, taker, got, func() {
		cancel()
		group.Wait()
	}
}

func TestANodeThatSettlesFinishesWhatItSends(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("", func(t *testing.T) {
		origin, taker, got, end := partly(t)
		if cutOff := origin.Settle(testContext(t)); cutOff != 0 {
			t.Errorf("%d chunks were cut off", cutOff)
		}
		sent := origin.meter.ChunksOut.Load()
		waitFor(t, func() bool { return taker.meter.PayloadIn.Load() >= sent*chunk })
		origin.stop()
		waitFor(t, func() bool { return int64(got.Have().Count()) == sent })
		if now := origin.meter.ChunksOut.Load(); now != sent || sent == 64 {
			t.Errorf("%d of 64 chunks had been sent, then %d", sent, now)
		}
		s := taker.shelf.swarm(got.Chunks().ID())
		if promised := s.take.has().Minus(got.Have()); !promised.Empty() {
			t.Errorf("%d chunks are still promised", promised.Count())
		}
		if again := taker.meter.AgainIn.Load(); again > 0 {
			t.Errorf("%d bytes arrived in vain", again)
		}
		end()
	})
}

func TestANodeThatIsToldToStopStillFinishesWhatItSends(t *testing.T) {
	file := makeFile(t, 64*chunk)
	n, err := New(Config{Config: p2phost.Config{Limits: limitUp(1 << 20)}})
	if err != nil {
		t.Fatal(err)
	}
	taker := startNode(t, nil)
	got := store.NewMemory(file.Chunks())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = n.Run(ctx, func(ctx context.Context) error {
		if _, err := n.Publish("file", file); err != nil {
			return err
		}
		taker.Meet(n.host.Where())
		go func() { _ = taker.Fetch(t.Context(), "file", got, transfer.Config{RetryFor: forEver}) }() // ends with its node
		waitFor(t, func() bool { return got.Have().Count() >= 5 })
		cancel()
		<-ctx.Done()
		if cutOff := n.Settle(testContext(t)); cutOff != 0 {
			t.Errorf("%d chunks were cut off", cutOff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sent := n.cfg.Meter.ChunksOut.Load()
	waitFor(t, func() bool { return int64(got.Have().Count()) == sent })
}

// TestASettlingNodeDoesNotWaitForThoseWhoDoNotRead for longer than it is told.
func TestASettlingNodeDoesNotWaitForThoseWhoDoNotRead(t *testing.T) {
	file := makeFile(t, 64*chunk)
	origin := startNode(t, nil)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	r := loose(t, origin, func(h testHost) {
		h.SetStreamHandler(protoData, func(network.Stream) {}) // taken up, never read
	})
	list := file.Chunks()
	r.say(hello{Version: version}, join{what: typeJoin, Topic: 1, ID: list.ID(), Size: list.Size(), Has: content.NewSet(list.Len())})
	r.acceptOne()
	waitFor(t, func() bool { return origin.promised() > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if origin.Settle(ctx) == 0 {
		t.Error("what nobody has received counts as received")
	}
	if origin.Settle(t.Context()) == 0 {
		t.Error("it was asked again, and found it received")
	}
}

// acceptOne accepts the first offer.
func (r *rogue) acceptOne() {
	r.t.Helper()
	o, err := decodeOffer(r.await(typeOffer))
	if err != nil {
		r.t.Fatal(err)
	}
	r.say(answer{Topic: 1, Chunk: o.Chunk, Verdict: accepted})
}
