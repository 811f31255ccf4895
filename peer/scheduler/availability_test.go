package scheduler

import (
	"math/rand/v2"
	"testing"

	"starmesh/common/content"
)

// TestAvailabilityAfterAnyComingAndGoing is what counting anew gives.
func TestAvailabilityAfterAnyComingAndGoing(t *testing.T) {
	const chunks = 130
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := NewGiver(1, content.NewSet(chunks))
		for range 200 {
			id, i := ID(2+r.IntN(6)), r.IntN(chunks)
			switch r.IntN(5) {
			case 0:
				has := content.NewSet(chunks)
				for range r.IntN(2 * chunks) {
					has.Add(r.IntN(chunks))
				}
				g.Join(id, has)
			case 1:
				g.Leave(id)
			case 2:
				g.Lost(id, i)
			default:
				g.Announced(id, i)
			}
			for i := range chunks {
				held := 0
				for _, n := range g.takers {
					if n.has.Has(i) {
						held++
					}
				}
				if a := &g.chunks; int(a.held[i]) != held || a.takers != len(g.takers) || a.inSome.Has(i) != (held > 0) || a.inAll.Has(i) != (held == a.takers) {
					t.Fatalf("seed %d, chunk %d: %d of %d hold it; held %d, in some %v, in all %v", seed, i, held, a.takers, a.held[i], a.inSome.Has(i), a.inAll.Has(i))
				}
			}
		}
	}
}
