package scheduler

import "time"

const (
	// minWindowChunks is how many chunks are on their way at the least: one being
	// sent and one behind it, and one whose receipt is on its way back. TCP
	// begins slowly after a pause, so one connection alone fills an uplink
	// badly.
	minWindowChunks = 3
	// MaxWindow is how many are at the most: of 64 KiB each, what 1 Gbit/s holds
	// over a round trip of 260 ms.
	MaxWindow = 512
	// minQueuedChunks and maxQueuedChunks are how many chunks should wait in
	// front of the uplink; where queuedShare of the window is more, that and half
	// of it: over a distance receipts do not come as evenly.
	minQueuedChunks = 1
	maxQueuedChunks = 2
	queuedShare     = 1.0 / 4
	// growingShare is from how many receipts a window is judged that doubles with
	// each round trip, as a share of it.
	growingShare = 1.0 / 4
	// settledGrowth is by which share the window grows in a round trip once a queue
	// has been seen, and by one chunk at the least.
	settledGrowth = 1.0 / 2
	// bestTimeLifetime is how long the shortest way is believed in.
	bestTimeLifetime = 10 * time.Second
)

// window is how many chunks are on their way at a time, whomever to (a
// congestion window): so many that the uplink never runs dry, and so few that a
// word does not wait long behind them. What waits in front of the uplink is told
// by how much longer a chunk takes than it did at best (TCP Vegas: Brakmo and
// Peterson, 1995).
type window struct {
	chunks   float64
	best     time.Duration // the shortest time from sending to receipt
	next     time.Duration // the shortest since the last change of best
	since    time.Time     // when best was last looked at
	settled  bool          // a queue has been seen: grow slowly from now on
	started  int           // receipts until then
	receipts int           // since the window was last changed
	quickest time.Duration // of those
}

func (w *window) size() int { return max(minWindowChunks, int(w.chunks)) }

// promised is how many chunks one who takes lets itself be promised by now
// (Taker.maxPromises), while no queue has been seen.
func (w *window) promised() int { return min(minPromises+promisedRounds*w.started, MaxWindow) }

// took says that one of sending chunks arrived that long after it was sent; over
// a far way the window follows what is under way, until a queue is seen.
func (w *window) took(took time.Duration, sending int, far bool, now time.Time) {
	w.remember(took, now)
	if !w.settled {
		w.started++
	}
	if far && !w.settled {
		w.chunks = max(w.chunks, min(float64(sending), MaxWindow))
	}
	if sending < w.size() || took <= 0 {
		return // it was not the window that kept us
	}
	if w.receipts++; w.receipts == 1 || took < w.quickest {
		w.quickest = took
	}
	if w.receipts >= w.enough() {
		w.adjust(float64(w.receipts), far)
		w.receipts = 0
	}
}

// enough is after how many receipts the window is judged by the quickest of
// them. A queue that stands delays them all; one may be late for a reason of its
// own, or because a process slept and those behind it came together. While the
// window doubles a round trip is too long to wait, and so it is for a few chunks.
func (w *window) enough() int {
	if !w.settled {
		return int(w.chunks * growingShare)
	}
	return int(w.chunks) - minWindowChunks
}

// adjust changes the window after so many receipts.
func (w *window) adjust(receipts float64, far bool) {
	w.chunks = max(w.chunks, minWindowChunks)
	scale := max(1, w.chunks*queuedShare/maxQueuedChunks)
	switch queued := w.chunks * (1 - float64(w.best)/float64(w.quickest)); {
	case queued > maxQueuedChunks*scale && !w.settled:
		w.settled = true
		w.chunks -= queued - maxQueuedChunks*scale // what the way holds, and what may wait
	case queued > maxQueuedChunks*scale:
		w.chunks -= receipts / w.chunks * max(1, (queued-maxQueuedChunks*scale)/2)
	case queued < minQueuedChunks*scale && w.settled:
		w.chunks += receipts * max(1/w.chunks, settledGrowth)
	case queued < minQueuedChunks*scale && !far:
		w.chunks += receipts
	}
	w.chunks = min(max(w.chunks, minWindowChunks), MaxWindow)
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
