package peer

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer/scheduler"
)

// TestWhatHasJustComeIsNotToldAsLost: a giver may leave, or a fetch end, while
// its last chunk is stored already and not yet noted.
func TestWhatHasJustComeIsNotToldAsLost(t *testing.T) {
	whole := makeFile(t, 3*chunk)
	taker := startNode(t, nil)
	s := newSwarm(taker.Node, "file", store.NewMemory(whole.List()), 1, transfer.Config{})
	enter := func(key scheduler.ID) *member {
		l := &link{remote: remote{key: key}, node: taker.Node, files: newMembership()}
		l.out.wake = make(chan struct{}, 1)
		return s.enter(l, join{Topic: 7, Has: content.FullSet(3)})
	}
	giver, other := enter(1), enter(2)
	s.take.offered(giver, offer{Chunk: 0, Sure: true})
	s.take.offered(giver, offer{Chunk: 1, Sure: true})
	p := make([]byte, chunk)
	if err := errors.Join(whole.ReadChunk(1, p), giver.claims.Deliver(1, p)); err != nil {
		t.Fatal(err)
	}
	s.quit(giver)
	if has := s.take.has(); !slices.Equal(slices.Collect(has.All()), []int{1}) {
		t.Errorf("%v are here or on their way", slices.Collect(has.All()))
	}
	told := func(lost ...int) bool {
		return bytes.Contains(other.link.out.buf, encode(nil, news{what: typeLost, Topic: 1, Chunks: lost}))
	}
	if !told(0) || told(1) || told(0, 1) {
		t.Error("what was told as lost is not 0 alone")
	}
}
