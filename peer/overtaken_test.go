package peer

import (
	"testing"
	"testing/synctest"

	"starmesh/common/store"
)

// TestASureOfferTakesThePlaceOfAPromise: who brought a chunk from a server tells two of
// it, and the second one's offer may overtake what the first is told. It waits for the
// chunk itself, and is told at once that it is not to send it.
func TestASureOfferTakesThePlaceOfAPromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 4*chunk)
		node, first, helper := startPiped(t, "node", nil), startPiped(t, "first", nil), startPiped(t, "helper", nil)
		for _, n := range []pipedNode{first, helper} {
			if _, err := n.share("x", oneFile{store.NewMemory(file.Chunks())}, nil); err != nil {
				t.Fatal(err)
			}
		}
		cfg := patient()
		s, err := node.share("x", oneFile{store.NewMemory(file.Chunks())}, &cfg)
		if err != nil {
			t.Fatal(err)
		}
		dial(node, first)
		dial(node, helper)
		synctest.Wait()
		member := func(n pipedNode) *member {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.members[n.self.key]
		}
		s.take.offered(member(helper), offer{Topic: s.topic, Chunk: 2})
		s.take.offered(member(first), offer{Topic: s.topic, Chunk: 2, First: true, Sure: true})
		_, _, ofFirst := member(first).claims.Count()
		if _, _, ofHelper := member(helper).claims.Count(); ofFirst != 1 || ofHelper != 0 {
			t.Errorf("promised: %d by who sends it unasked, %d by another", ofFirst, ofHelper)
		}
		for _, n := range []pipedNode{node, first, helper} {
			n.stop()
		}
	})
}
