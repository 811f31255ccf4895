package p2phost

import (
	"container/list"
	"fmt"
	"net"
	"sync"
)

// handshakes are the accepted TCP connections that have not proved yet who they
// are. There is room for so many; when it is full, the oldest makes way for the
// next one. So those who dial and say nothing, from however many addresses, keep
// nobody out: a real handshake is over before as many have come.
type handshakes struct {
	room int

	mu    sync.Mutex
	queue list.List // of net.Conn, the oldest first
	of    map[string]*list.Element
}

func newHandshakes(room int) *handshakes {
	return &handshakes{room: room, of: make(map[string]*list.Element)}
}

// begin takes up an accepted connection, and closes the oldest if there is no
// room for both.
func (h *handshakes) begin(c net.Conn) {
	if oldest := h.add(c); oldest != nil {
		_ = oldest.Close() // which ends its handshake
	}
}

func (h *handshakes) add(c net.Conn) (oldest net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.queue.Len() >= h.room {
		oldest, _ = h.queue.Remove(h.queue.Front()).(net.Conn)
		delete(h.of, ends(oldest))
	}
	h.of[ends(c)] = h.queue.PushBack(c)
	return oldest
}

// end forgets a connection, or what was made of it: it is closed, or known.
func (h *handshakes) end(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.of[ends(c)]; e != nil {
		h.queue.Remove(e)
		delete(h.of, ends(c))
	}
}

// ends names a connection by its two addresses, which those that are made of it
// have as well; one over a relay has none.
func ends(c net.Conn) string { return fmt.Sprint(c.LocalAddr(), " ", c.RemoteAddr()) }
