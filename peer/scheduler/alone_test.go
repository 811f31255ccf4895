package scheduler_test

import (
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// TestTakersThatGetFromHereAlone: those to which nobody passes anything on; not
// those that have had nothing yet, nor those that others bring a good part.
func TestTakersThatGetFromHereAlone(t *testing.T) {
	now := time.Now()
	g := scheduler.NewGiver(0, content.FullSet(64))
	for id := scheduler.ID(1); id <= 3; id++ {
		g.Join(id, content.NewSet(64))
	}
	given := map[scheduler.ID]int{}
	for range 30 {
		for o, ok := g.Offer(now); ok; o, ok = g.Offer(now) {
			if o.To == 3 { // never answers
				continue
			}
			g.Accepted(o.To, o.Chunk, now)
			g.Begin(o.To, o.Chunk)
			g.Delivered(o.To, o.Chunk, now)
			if given[o.To]++; o.To == 1 { // who gets as much from others
				g.Announced(1, 63-given[1])
			}
		}
		now = now.Add(10 * time.Millisecond)
	}
	if given[1] < 5 || given[2] < 5 {
		t.Fatalf("too little was given to tell: %v", given)
	}
	if alone, takers := g.Alone(); alone != 1 || takers != 3 {
		t.Errorf("%d of %d get from here alone; want 1 of 3", alone, takers)
	}
	g.Lost(2, 0)
	g.Announced(2, 0) // as one that came after it was given up
	if alone, _ := g.Alone(); alone != 1 {
		t.Errorf("%d get from here alone, once a chunk was late; want 1", alone)
	}
}
