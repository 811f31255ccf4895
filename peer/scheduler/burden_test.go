package scheduler_test

import (
	"testing"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// TestFirstCopiesGoToWhoHasLeastLeft, whoever gave it what it has: of several that
// bring chunks into a mesh none knows what the others gave.
func TestFirstCopiesGoToWhoHasLeastLeft(t *testing.T) {
	const drawer, busy, other = 1, 2, 3
	next := func(g *scheduler.Giver, chunk int) scheduler.ID {
		g.Brought(chunk)
		o, ok := g.Offer(at(0))
		if !ok || !o.First || o.Chunk != chunk {
			t.Fatalf("chunk %d: %+v, %v", chunk, o, ok)
		}
		return o.To
	}
	for seed := range scheduler.ID(50) {
		g := scheduler.NewGiver(100+seed, content.NewSet(16))
		for _, id := range []scheduler.ID{drawer, busy, other} {
			g.Join(id, content.NewSet(16))
		}
		for chunk := range 3 {
			g.Announced(drawer, chunk)
			g.Announced(busy, chunk)
		}
		if to := next(g, 5); to == busy {
			t.Fatalf("seed %d: who has three to pass on is given another", seed)
		}
		g.Offered(busy, 2)
		if to := next(g, 6); to == busy {
			t.Fatalf("seed %d: who passes on its own is taken to have none", seed)
		}
		g.Offered(busy, 9)
		if to := next(g, 7); to != busy {
			t.Fatalf("seed %d: who has nothing of its own left is not given the next", seed)
		}
	}
}
