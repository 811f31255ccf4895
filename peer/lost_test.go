package peer

import (
	"errors"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
)

// TestWhatHasJustComeIsNotToldAsLost: a giver may leave, or a fetch end, while
// its last chunk is stored already and not yet noted.
func TestWhatHasJustComeIsNotToldAsLost(t *testing.T) {
	whole := makeFile(t, 3*chunk)
	file := store.NewMemory(whole.List())
	p := make([]byte, chunk)
	if err := errors.Join(whole.ReadChunk(1, p), file.WriteChunk(1, p)); err != nil {
		t.Fatal(err)
	}
	taker := startNode(t, nil)
	s := newSwarm(taker.Node, "file", file, 1)
	released := content.NewSet(3)
	for i := range 3 {
		s.take.claims[i] = &pledge{release: func() { released.Add(i) }}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take.dropLocked([]int{0, 1})
	if s.take.claims[0] != nil || s.take.claims[1] == nil || s.take.claims[2] == nil || !released.Has(0) || released.Count() != 1 {
		t.Errorf("after 0 and 1 were given up, of which 1 is here: claims %v, %d released", s.take.claims, released.Count())
	}
}
