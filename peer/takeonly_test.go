package peer

import (
	"sync"
	"testing"

	"starmesh/common/store"
)

// TestOneThatTakesOnlyGetsTheFileAndGivesNothing: with the origin gone it is of
// no use to a latecomer, who is served by the other.
func TestOneThatTakesOnlyGetsTheFileAndGivesNothing(t *testing.T) {
	file := makeFile(t, 60*chunk)
	origin := startNode(t, nil)
	ticket, err := origin.Publish("file", file)
	if err != nil {
		t.Fatal(err)
	}
	joins := func(c *Config) { c.Join = []string{ticket.String()} }
	honest := startNode(t, joins)
	taker := startNode(t, func(c *Config) { joins(c); c.TakeOnly = true })
	var group sync.WaitGroup
	for _, n := range []testNode{honest, taker} {
		group.Go(func() {
			got := store.NewMemory(file.Chunks())
			if err := n.fetch(testContext(t), file.Chunks(), got); err != nil {
				t.Error(err)
			}
			same(t, got, file)
		})
	}
	group.Wait()
	origin.stop()
	late := startNode(t, nil)
	late.Meet(taker.host.Where(), honest.host.Where())
	got := store.NewMemory(file.Chunks())
	if err := late.fetch(testContext(t), file.Chunks(), got); err != nil {
		t.Fatal(err)
	}
	same(t, got, file)
	if sent := taker.meter.PayloadOut.Load(); sent != 0 {
		t.Errorf("it gave %d bytes", sent)
	}
	if sent := honest.meter.PayloadOut.Load(); sent < 60*chunk {
		t.Errorf("the other gave %d bytes", sent)
	}
}
