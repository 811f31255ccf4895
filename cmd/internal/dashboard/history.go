package dashboard

import (
	"encoding/json"
	"slices"
	"sort"

	"starmesh/cmd/internal/lab/labdir"
)

// history keeps events in the order in which they came, within a bound: when
// there are too many, every second reading of the run that takes most room is
// forgotten. What is not a reading is told to everybody, and so are the first
// reading of a node, its last, and those in which its state changes.
type history struct {
	limit   int // bytes
	size    int
	entries []entry
	last    uint64           // number of the newest entry
	newest  map[place]latest // of each node
	thinned bool             // something was forgotten
}

// place is a node in a run.
type place struct{ run, node string }

// latest is the last reading of a node.
type latest struct {
	number uint64
	state  string
}

// entry is an event as it is sent.
type entry struct {
	number uint64 // from 1, growing
	at     place
	spare  bool // may be forgotten
	line   []byte
}

// add appends an event and makes room for it.
func (h *history) add(e *labdir.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	h.last++
	added := entry{number: h.last, at: place{run: e.Run}, line: line}
	if e.Reading != nil {
		added.at.node = e.Reading.Node
		added.spare = h.newest[added.at].state == e.Reading.State
		if h.newest == nil {
			h.newest = make(map[place]latest)
		}
		h.newest[added.at] = latest{h.last, e.Reading.State}
	}
	h.entries = append(h.entries, added)
	h.size += len(line)
	if h.size > h.limit {
		h.shrink()
	}
	return nil
}

// shrink forgets until a quarter of the room is free, so that it is not needed
// again soon.
func (h *history) shrink() {
	h.thinned = true
	for h.size > h.limit-h.limit/4 {
		before := len(h.entries)
		h.thin(h.largest())
		if len(h.entries) == before { // nothing is spare: the oldest go
			h.entries = slices.Delete(h.entries, 0, (before+1)/2)
			h.measure()
		}
		if len(h.entries) <= 1 {
			return
		}
	}
}

// largest names the run whose spare readings take most room; "" if no
// reading is spare.
func (h *history) largest() string {
	room := make(map[string]int)
	largest := ""
	for i := range h.entries {
		if e := &h.entries[i]; h.canForget(e) {
			room[e.at.run] += len(e.line)
			if room[e.at.run] > room[largest] {
				largest = e.at.run
			}
		}
	}
	return largest
}

// thin forgets every second spare reading of each node of a run.
func (h *history) thin(run string) {
	odd := make(map[string]bool)
	h.entries = slices.DeleteFunc(h.entries, func(e entry) bool {
		if e.at.run != run || !h.canForget(&e) {
			return false
		}
		odd[e.at.node] = !odd[e.at.node]
		return odd[e.at.node]
	})
	h.measure()
}

func (h *history) canForget(e *entry) bool {
	return e.spare && h.newest[e.at].number != e.number
}

func (h *history) measure() {
	h.size = 0
	for i := range h.entries {
		h.size += len(h.entries[i].line)
	}
}

// maxBatch is how many entries are handed out at once.
const maxBatch = 1024

// after returns the next entries after the one of that number.
func (h *history) after(number uint64) []entry {
	i := sort.Search(len(h.entries), func(i int) bool { return h.entries[i].number > number })
	return slices.Clone(h.entries[i:min(i+maxBatch, len(h.entries))])
}
