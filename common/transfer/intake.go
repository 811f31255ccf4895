package transfer

import (
	"context"
	"errors"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/retry"
)

// Outcome says what became of a chunk that arrived.
type Outcome int

const (
	Stored  Outcome = iota // verified and written
	Again                  // held already, or taken no more: its bytes travelled for nothing
	Corrupt                // did not match its hash
)

// Chunk is one chunk's arrival, for whoever counts or draws.
type Chunk struct {
	Source  string // its Name
	Index   int
	Bytes   int
	Outcome Outcome
	// Claimed is when the source had claimed a stored chunk; zero if it had not.
	Claimed time.Time
	Broken  *Claimant // had claimed a stored chunk that the source brought; nil: nobody else had
}

// A Counter counts chunks by what became of them; a load.Meter is one. Its
// methods may be called from several goroutines.
type Counter interface {
	ChunkStored(bytes int)
	ChunkAgain(bytes int)
	ChunkCorrupt(bytes int)
}

// Intake is the taking side of one file, one for all who bring its chunks: what
// is held, who has promised which chunk since when, and what became of what
// arrived. Fetch drives it for sources that it runs; where remotes come and act
// on their own, each is a Claimant, and Wait waits for the end. Its methods may
// be called from several goroutines.
type Intake struct {
	to   Sink
	cfg  Config
	over chan struct{} // closed when it is whole or the sink has failed

	mu       sync.Mutex // guards the fields below, and those of its claimants
	claims   *claims
	changed  chan struct{}
	progress time.Time // when a chunk was last stored; at first, the beginning
	err      error     // of the sink; valid once over is closed
	closed   bool
	writing  sync.WaitGroup // begun only while not closed
}

// NewIntake makes the intake of what to does not hold yet.
func NewIntake(to Sink, cfg Config) *Intake {
	in := &Intake{
		to: to, cfg: cfg, over: make(chan struct{}),
		claims: newClaims(to.Have()), changed: make(chan struct{}), progress: time.Now(),
	}
	if in.claims.lacking == 0 {
		close(in.over)
	}
	return in
}

// beat is how often Wait looks whether this process has had its time.
const beat = time.Second / 4

// Wait returns nil when the file is whole. It fails with the sink's error, with
// ctx's, or with fault.NoSource when nothing has arrived for Config.RetryFor. While
// this process did not run nothing could: that does not count.
func (in *Intake) Wait(ctx context.Context) error {
	var patience <-chan time.Time // never, without a limit
	for !in.isOver() {
		limit, began := in.cfg.RetryFor, time.Now()
		wait := max(min(beat, limit-in.Idle()), 0)
		if limit >= 0 {
			patience = time.After(wait)
		}
		select {
		case <-in.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience:
			if missed := retry.Missed(time.Since(began), wait); missed > 0 {
				in.mu.Lock()
				in.progress = in.progress.Add(missed)
				in.mu.Unlock()
			} else if in.Idle() >= limit {
				return fault.Wrapf(fault.NoSource, "nothing has arrived for %v", limit)
			}
		}
	}
	return in.err
}

func (in *Intake) isOver() bool {
	select {
	case <-in.over:
		return true
	default:
		return false
	}
}

// Close ends the intake: no claim is granted and nothing written any more. When
// it returns, no write is under way.
func (in *Intake) Close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.writing.Wait()
}

// Excuse has time not count for the age of claims: while this process did not run,
// nothing that came could be seen.
func (in *Intake) Excuse(d time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.claims.excuse(d, time.Now())
}

// Lacking returns how many chunks are not held.
func (in *Intake) Lacking() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.claims.lacking
}

// Wants reports whether chunk i is missing, and still taken.
func (in *Intake) Wants(i int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return !in.closed && in.claims.isMissing(i)
}

// Missing returns the set of chunks neither held nor claimed: the caller's own
// copy.
func (in *Intake) Missing() content.Set {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.claims.missing()
}

// Changed returns a channel that is closed when Missing may have grown, or what
// is held.
func (in *Intake) Changed() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.changed
}

// Idle returns how long nothing has been stored; at first, since the beginning.
func (in *Intake) Idle() time.Duration {
	in.mu.Lock()
	defer in.mu.Unlock()
	return time.Since(in.progress)
}

// wakeLocked tells all who wait that Missing may have changed.
func (in *Intake) wakeLocked() {
	close(in.changed)
	in.changed = make(chan struct{})
}

// fail ends the intake: the sink can take no more.
func (in *Intake) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil && in.claims.lacking > 0 {
		in.err = err
		close(in.over)
	}
}

// begin reports whether chunk i is to be written; writing.Done is to follow.
func (in *Intake) begin(i int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || in.claims.held.Has(i) {
		return false
	}
	in.writing.Add(1)
	return true
}

// note enters a chunk that by has written. Two may have written the same one;
// the second counts as received again.
func (in *Intake) note(c *Chunk, by *Claimant) {
	in.mu.Lock()
	defer in.mu.Unlock()
	was, stored := in.claims.store(c.Index)
	if !stored {
		return
	}
	c.Outcome = Stored
	if was.by == by {
		c.Claimed = was.since
	} else {
		c.Broken = was.by
	}
	in.progress = time.Now()
	in.wakeLocked()
	if in.claims.lacking == 0 && in.err == nil {
		close(in.over)
	}
}

// tell counts a chunk and passes it on.
func (in *Intake) tell(c Chunk) {
	if count := in.cfg.Counter; count != nil {
		switch c.Outcome {
		case Stored:
			count.ChunkStored(c.Bytes)
		case Again:
			count.ChunkAgain(c.Bytes)
		case Corrupt:
			count.ChunkCorrupt(c.Bytes)
		}
	}
	if in.cfg.OnChunk != nil {
		in.cfg.OnChunk(c)
	}
}

// Claimant is one source's side of an intake: it is Wanted, and claims are made
// in its name.
type Claimant struct {
	*Intake
	source string
	open   int // claims
}

// Claimant makes one for the source with that name.
func (in *Intake) Claimant(source string) *Claimant { return &Claimant{Intake: in, source: source} }

// Claim promises chunk i: see Wanted.
func (c *Claimant) Claim(i int) (release func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.claims.claim(i, c, time.Now()) {
		return nil, false
	}
	return func() { c.Release(i) }, true
}

// Release takes back the claim on chunk i; it returns false when there is none
// any more, be it that the chunk has arrived.
func (c *Claimant) Release(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	released := c.claims.release(i, c)
	if released {
		c.wakeLocked()
	}
	return released
}

// ReleaseAll takes back all claims and returns their chunks, in order.
func (c *Claimant) ReleaseAll() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	var released []int
	for _, cl := range c.claims.of(c) {
		c.claims.release(cl.Chunk, c)
		released = append(released, cl.Chunk)
	}
	if len(released) > 0 {
		c.wakeLocked()
	}
	return released
}

// Count returns how many chunks are not held, how many of them are claimed, and
// how many by c.
func (c *Claimant) Count() (lacking, claimed, own int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims.lacking, len(c.claims.open), c.open
}

// Own returns the source's claims, in the order of their chunks.
func (c *Claimant) Own() []Claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims.of(c)
}

// Deliver verifies and stores a chunk: see Wanted.
func (c *Claimant) Deliver(i int, p []byte) error {
	_, err := c.Receive(i, p)
	return err
}

// Receive is Deliver, and returns what became of the chunk. A claim on one that
// is corrupt stays: its source is to be ended.
func (c *Claimant) Receive(i int, p []byte) (Chunk, error) {
	got := Chunk{Source: c.source, Index: i, Bytes: len(p), Outcome: Again}
	if !c.begin(i) {
		c.tell(got)
		return got, nil
	}
	defer c.writing.Done()
	// Outside the lock: hashing and writing take the time of the chunk.
	err := c.to.WriteChunk(i, p)
	switch {
	case err == nil:
		c.note(&got, c)
	case errors.Is(err, fault.Corrupt), errors.Is(err, fault.Invalid):
		got.Outcome = Corrupt
	default:
		c.fail(err)
		return got, err
	}
	c.tell(got)
	return got, err
}
