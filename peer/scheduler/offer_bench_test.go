package scheduler_test

import (
	"fmt"
	"testing"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// BenchmarkOffer shows what a giver takes to choose when it is asked again and
// again, as it is at every word: for 16 MiB, for the 2048 chunks of most files,
// and for 400 GB. All have half of the file but for a few chunks. Where there
// is nothing to give, all have the same.
func BenchmarkOffer(b *testing.B) {
	for _, chunks := range []int{256, 2048, 95368} {
		for _, lacking := range []int{0, 12} {
			b.Run(fmt.Sprintf("chunks=%d/lacking=%d", chunks, lacking), func(b *testing.B) {
				have := content.NewSet(chunks)
				for i := range chunks / 2 {
					have.Add(2 * i)
				}
				g := scheduler.NewGiver(1, content.NewSet(chunks))
				for i := range have.All() {
					g.Got(i)
				}
				for n := range 12 {
					theirs := have.Clone()
					for i := range lacking {
						theirs.Remove((chunks / 4 * 2) + 2*((i+n)%(lacking+1)))
					}
					g.Join(scheduler.ID(n+2), theirs)
				}
				b.ReportAllocs()
				for b.Loop() {
					if o, ok := g.Offer(at(1)); ok {
						g.Lost(o.To, o.Chunk) // as if it had not been made
					}
				}
			})
		}
	}
}
