package transfer

import (
	"errors"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Outcome says what became of a chunk that arrived.
type Outcome int

const (
	Stored  Outcome = iota // verified and written
	Again                  // held already: its bytes travelled for nothing
	Corrupt                // did not match its hash
)

// Chunk is one chunk's arrival, for whoever counts or draws.
type Chunk struct {
	Source  string // its Name
	Index   int
	Bytes   int
	Outcome Outcome
}

// A Counter counts chunks by what became of them; a load.Meter is one. Its
// methods may be called from several goroutines.
type Counter interface {
	ChunkStored(bytes int)
	ChunkAgain(bytes int)
	ChunkCorrupt(bytes int)
}

// wanted is what all takers of one fetch share.
type wanted struct {
	to    Sink
	cfg   Config
	fail  func(error) // ends the fetch: the store can take no more
	whole chan struct{}

	mu       sync.Mutex // guards the fields below
	plan     *plan
	changed  chan struct{}
	progress int // chunks stored so far, by any source
}

func newWanted(to Sink, cfg Config, fail func(error)) *wanted {
	w := &wanted{
		to: to, cfg: cfg, fail: fail,
		whole: make(chan struct{}), plan: newPlan(to.Have()), changed: make(chan struct{}),
	}
	if w.plan.whole() {
		close(w.whole)
	}
	return w
}

// wakeLocked tells all who wait that Missing may have changed.
func (w *wanted) wakeLocked() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *wanted) stored() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.progress
}

// arrived counts a chunk and passes it on.
func (w *wanted) arrived(c Chunk) {
	if count := w.cfg.Counter; count != nil {
		switch c.Outcome {
		case Stored:
			count.ChunkStored(c.Bytes)
		case Again:
			count.ChunkAgain(c.Bytes)
		case Corrupt:
			count.ChunkCorrupt(c.Bytes)
		}
	}
	if w.cfg.OnChunk != nil {
		w.cfg.OnChunk(c)
	}
}

// taker is one source's view of what is wanted; claims are made in its name.
type taker struct {
	*wanted
	source string
}

func (t *taker) Missing() content.Set {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.plan.missing()
}

func (t *taker) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

func (t *taker) Claim(i int) (release func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.plan.claim(i, t) {
		return nil, false
	}
	return func() { t.release(i) }, true
}

func (t *taker) release(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.plan.release(i, t) {
		t.wakeLocked()
	}
}

func (t *taker) releaseAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.plan.releaseAll(t) {
		t.wakeLocked()
	}
}

func (t *taker) Deliver(i int, p []byte) error {
	t.mu.Lock()
	again := t.plan.has(i)
	t.mu.Unlock()
	if again {
		t.arrived(Chunk{t.source, i, len(p), Again})
		return nil
	}
	// Outside the lock: hashing and writing take the time of the chunk.
	err := t.to.WriteChunk(i, p)
	switch {
	case err == nil:
		t.note(i, len(p))
		return nil
	case errors.Is(err, fault.Corrupt), errors.Is(err, fault.Invalid):
		t.arrived(Chunk{t.source, i, len(p), Corrupt})
		t.release(i)
		return err
	default:
		t.fail(err)
		return err
	}
}

// note enters a chunk that is written now. Two sources may have written the
// same one; the second counts as received again.
func (t *taker) note(i, n int) {
	t.mu.Lock()
	outcome := Again
	if !t.plan.has(i) {
		outcome = Stored
		t.plan.store(i)
		t.progress++
		t.wakeLocked()
		if t.plan.whole() {
			close(t.whole)
		}
	}
	t.mu.Unlock()
	t.arrived(Chunk{t.source, i, n, outcome})
}
