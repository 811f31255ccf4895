package fleet

import (
	"container/list"
	"net"
	"sync"
)

// waiting are the connections that have proven nothing yet. When they are too
// many, the one that has been silent for longest has to go: a node needs
// hardly more than two round trips, so that strangers who wait cannot shut it
// out.
type waiting struct {
	mu    sync.Mutex
	conns list.List // of net.Conn, the oldest first
}

// enter takes a place for a connection, until leave is called.
func (w *waiting) enter(conn net.Conn) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns.Len() >= maxUnproven {
		_ = w.conns.Remove(w.conns.Front()).(net.Conn).Close()
	}
	at := w.conns.PushBack(conn)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.conns.Remove(at)
	}
}
