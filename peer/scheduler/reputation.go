package scheduler

import (
	"sync"
	"time"
)

const (
	// firstBan is how long nothing is accepted from a giver that did not keep a
	// promise; each time in a row it is twice as long, up to maxBan.
	firstBan = 250 * time.Millisecond
	maxBan   = time.Minute
	// maxStrikes is how many more promises than it kept one may have broken that
	// has kept any: what it had promised may not have come to it.
	maxStrikes = 8
	// maxRemembered is how many givers are remembered that have left.
	maxRemembered = 4096
)

// Reputation is what a node knows, from all its files, of those who give to it.
// It may be used by several goroutines.
type Reputation struct {
	mu      sync.Mutex // guards the fields below
	givers  map[ID]giverRecord
	here    int           // how many of them are here and have brought a chunk
	typical time.Duration // what chunks take, from promise to arrival; 0: none has come
}

// giverRecord is what is known of one giver.
type giverRecord struct {
	took      time.Duration // what its chunks take; 0: unknown
	proven    bool          // it has brought a chunk
	isHere    bool          // … and has not left since
	notBefore time.Time     // until then nothing is accepted
	strikes   int           // promises that it did not keep, less those that it kept
}

// NewReputation makes one that knows nobody.
func NewReputation() *Reputation { return &Reputation{givers: map[ID]giverRecord{}} }

func (r *Reputation) of(id ID) giverRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.givers[id]
}

// Trusts reports whether a giver's promise is as good as the chunk: all that it
// promised has come, or else more came than did not.
func (r *Reputation) Trusts(id ID) bool { return r.of(id).strikes == 0 }

// IsLate reports whether a giver has brought nothing yet, or takes much longer than
// others, while there are others. What it has promised keeps nobody else from
// promising more.
func (r *Reputation) IsLate(id ID) bool {
	g := r.of(id)
	return r.someProven() && (!g.proven || g.took > patienceFactor*r.usual())
}

// usual is what chunks take.
func (r *Reputation) usual() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.typical
}

// quickest is what chunks of the quickest giver take. Where they all take long
// it is not the givers: our own answers are late.
func (r *Reputation) quickest() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var quickest time.Duration
	for _, g := range r.givers {
		if g.took > 0 && (quickest == 0 || g.took < quickest) {
			quickest = g.took
		}
	}
	return quickest
}

// someProven reports whether any giver that is here has brought a chunk.
func (r *Reputation) someProven() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.here > 0
}

func (r *Reputation) brought(id ID, took time.Duration) {
	r.change(id, func(g *giverRecord) {
		if !g.isHere {
			r.here++
		}
		g.took = smooth(g.took, took)
		g.proven, g.isHere = true, true
		g.strikes = max(0, g.strikes-1)
		r.typical = smooth(r.typical, took)
	})
}

// failed notes a promise that was not kept for so long. Several at a time count
// as one.
func (r *Reputation) failed(id ID, age time.Duration, now time.Time) {
	r.change(id, func(g *giverRecord) {
		g.took = max(smooth(g.took, age), age)
		if now.Before(g.notBefore) {
			return
		}
		g.strikes++
		above := g.strikes - 1
		if g.proven {
			above -= maxStrikes
		}
		if above >= 0 {
			g.notBefore = now.Add(min(firstBan<<min(above, 16), maxBan))
		}
	})
}

// forgive takes some of what a giver's chunks take off, and returns how long that
// is to last.
func (r *Reputation) forgive(id ID, now time.Time) (wait time.Duration) {
	r.change(id, func(g *giverRecord) {
		wait = g.took / smoothingSamples
		g.took -= wait
		g.notBefore = now.Add(wait)
	})
	return wait
}

// Left notes that a giver is here no longer. What it failed to do is remembered.
func (r *Reputation) Left(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.givers[id]
	if g.isHere {
		r.here--
	}
	g.took, g.isHere = 0, false
	if g.strikes == 0 || len(r.givers) > maxRemembered {
		delete(r.givers, id)
	} else {
		r.givers[id] = g
	}
}

func (r *Reputation) change(id ID, do func(*giverRecord)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.givers[id]
	do(&g)
	r.givers[id] = g
}
