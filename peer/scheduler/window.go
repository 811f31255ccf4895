package scheduler

import "time"

const (
	// minWindowChunks is how many chunks are on their way at the least: one being
	// sent and one behind it, and one whose receipt is on its way back. TCP
	// begins slowly after a pause, so one connection alone fills an uplink
	// badly.
	minWindowChunks = 3
	maxWindowChunks = 64
	// minQueuedChunks and maxQueuedChunks are how many chunks should wait in
	// front of the uplink.
	minQueuedChunks = 1
	maxQueuedChunks = 2
	// bestTimeLifetime is how long the shortest way is believed in.
	bestTimeLifetime = 10 * time.Second
)

// window is how many chunks are on their way at a time, whomever to (a
// congestion window): so many that the uplink never runs dry, and so few that a
// word does not wait long behind them. What waits in front of the uplink is told
// by how much longer a chunk takes than it did at best (TCP Vegas: Brakmo and
// Peterson, 1995).
type window struct {
	chunks  float64
	best    time.Duration // the shortest time from sending to receipt
	next    time.Duration // the shortest since the last change of best
	since   time.Time     // when best was last looked at
	settled bool          // a queue has been seen: grow slowly from now on
}

func (w *window) size() int { return max(minWindowChunks, int(w.chunks)) }

// took says that one of sending chunks arrived that long after it was sent.
func (w *window) took(took time.Duration, sending int, now time.Time) {
	w.remember(took, now)
	if sending < w.size() || took <= 0 {
		return // it was not the window that kept us
	}
	w.chunks = max(w.chunks, minWindowChunks)
	switch queued := w.chunks * (1 - float64(w.best)/float64(took)); {
	case queued > maxQueuedChunks:
		w.settled = true
		w.chunks = max(minWindowChunks, w.chunks-1/w.chunks)
	case queued < minQueuedChunks && w.settled:
		w.chunks = min(maxWindowChunks, w.chunks+1/w.chunks)
	case queued < minQueuedChunks:
		w.chunks = min(maxWindowChunks, w.chunks+1)
	}
}

// remember keeps the best time, and forgets it when it was not reached again
// for long: the way may have changed.
func (w *window) remember(took time.Duration, now time.Time) {
	if w.next == 0 || took < w.next {
		w.next = took
	}
	if w.best == 0 || took < w.best {
		w.best = took
	}
	if now.Sub(w.since) > bestTimeLifetime {
		w.best, w.next, w.since = w.next, 0, now
	}
}
