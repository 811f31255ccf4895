package peer

import (
	"sync"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
)

// askedTable knows what the table is asked for.
type askedTable struct {
	neighbourhood
	mu     sync.Mutex
	wanted map[content.ID]bool
}

func (a *askedTable) Want(id content.ID) {
	a.note(id, true)
	a.neighbourhood.Want(id)
}

func (a *askedTable) Enough(id content.ID) {
	a.note(id, false)
	a.neighbourhood.Enough(id)
}

func (a *askedTable) note(id content.ID, wanted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted[id] = wanted
}

func (a *askedTable) wants(id content.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted[id]
}

func TestTheTableIsAskedOnlyWhileFewHaveTheFile(t *testing.T) {
	t.Parallel()
	file := makeFile(t, 80*chunk)
	id := file.Chunks().ID()
	taker := startNode(t, func(c *Config) { c.Ways.DHT = true })
	asked := &askedTable{neighbourhood: taker.around, wanted: map[content.ID]bool{}}
	taker.around = asked
	var givers []testNode
	for range enoughMembers {
		n := startNode(t, func(c *Config) { c.Limits = limitUp(200_000) })
		if _, err := n.Publish("file", file); err != nil {
			t.Fatal(err)
		}
		givers = append(givers, n)
	}
	got := store.NewMemory(file.Chunks())
	done := taker.begin(t, got)
	waitFor(t, func() bool { return asked.wants(id) })
	for _, n := range givers {
		taker.Meet(n.host.Where())
	}
	waitFor(t, func() bool { return !asked.wants(id) })
	if got.Have().Full() {
		t.Error("it was looked for until the end")
	}
	givers[0].stop()
	waitFor(t, func() bool { return asked.wants(id) })
	done()
	if asked.wants(id) {
		t.Error("it is looked for although it is here")
	}
}
