package dashboard

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync"

	"starmesh/cmd/internal/lab/labdir"
)

// maxHistory bounds in bytes what a hub remembers.
const maxHistory = 32 << 20

// A Hub takes the events of a lab and keeps them for the browsers that watch,
// and for those that come late. Nobody waits for a browser: each reads from
// where it is, as fast as it can.
type Hub struct {
	run string // tells a browser that comes back whether its numbers still hold

	mu      sync.Mutex
	history history
	changed chan struct{} // closed when there is more, then made anew
}

// NewHub makes a hub without events.
func NewHub() *Hub {
	return &Hub{run: rand.Text()[:8], history: history{limit: maxHistory}, changed: make(chan struct{})}
}

// Event takes an event: what it holds may be changed afterwards. It never
// waits. Events of one node must come in order.
func (h *Hub) Event(e labdir.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.history.add(&e); err != nil {
		return // a number that is none: the timeline on disk says so
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// after returns what came after the entry of that number, and a channel that is
// closed when there is more.
func (h *Hub) after(number uint64) ([]entry, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.after(number), h.changed
}

func (h *Hub) thinned() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.thinned
}

// id names an entry to browsers.
func (h *Hub) id(number uint64) string { return h.run + "-" + strconv.FormatUint(number, 10) }

// position is the number in an id that a browser gives back; 0, the beginning,
// if it is of another hub or of none.
func (h *Hub) position(id string) uint64 {
	digits, ok := strings.CutPrefix(id, h.run+"-")
	if !ok {
		return 0
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0
	}
	return number
}
