package peer

import (
	"sync/atomic"
	"time"
)

const (
	// A remote says so many words, that is control messages, at once, in a second,
	// and for each chunk between it and this node, until it is listened to every
	// wordsPause alone. A transfer takes 3 to 10 for a chunk.
	wordsAtOnce   = 256
	wordsRate     = 100
	wordsPerChunk = 16
	wordsPause    = 20 * time.Millisecond
)

// words are how much a remote has said, of what it may. Who has much to say and
// brings and takes nothing has it read, and answered, a heap at a time: to be woken
// for each word, and to send each answer alone, costs more than all else about it.
type words struct {
	carried atomic.Int64 // chunks, both ways

	// The reader's.
	said quota
	seen int64 // of carried
}

// tooMany counts a word, and returns whether it is more than the remote may say.
func (w *words) tooMany(now time.Time) bool {
	carried := w.carried.Load()
	w.said.used = max(0, w.said.used-float64(wordsPerChunk*(carried-w.seen)))
	w.seen = carried
	return !w.said.take(now, wordsRate, wordsAtOnce)
}
