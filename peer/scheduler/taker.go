package scheduler

import "time"

const (
	// patienceFactor is how many times longer than usual a promised chunk may
	// take while nothing else is left to fetch.
	patienceFactor = 4
	// minPatience is what a promised chunk may take in any case, and maxPatience
	// what it may take only because there is time until the end.
	minPatience = 250 * time.Millisecond
	maxPatience = 30 * time.Second
	// minSilence is how long nothing comes at all before the promises are in
	// doubt, whatever is usual.
	minSilence = time.Second
	// minPromises is how many chunks may be promised at a time whatever the
	// rate; beyond, no more than arrive in promisedTime.
	minPromises  = 16
	promisedTime = time.Second
	// MaxUnproven is how many of them one giver may hold that has not brought
	// anything yet: promises cost it nothing.
	MaxUnproven = 6
)

// Taker decides for one file which offers this node accepts, and how long it
// waits for what was promised. Which chunks are wanted at all, and who has
// promised which, is not its business: it is told. It is for one goroutine at a
// time.
type Taker struct {
	slow     map[ID]time.Duration // what chunks of each giver take, from promise to arrival
	typical  time.Duration        // the same for all givers
	interval time.Duration        // between two arrivals
	last     time.Time            // arrival
}

// Promises is what is promised when a giver makes one offer more.
type Promises struct {
	Lacking int // chunks of the file that have not arrived
	ByAll   int // chunks that are promised
	ByGiver int // by that giver
}

// NewTaker makes a taker that knows no giver.
func NewTaker() *Taker { return &Taker{slow: map[ID]time.Duration{}} }

// objection is why an offer is not accepted now.
type objection int

const (
	none     objection = iota
	unproven           // promises enough for one that has not brought anything
	full               // more would not arrive for long
	tooSlow            // its chunk would be among the last
)

// Accepts tells whether an offer of a wanted chunk should be accepted. A giver
// that is much slower than the others is welcome as long as its chunk arrives
// well before the rest of the file has.
func (t *Taker) Accepts(from ID, p Promises) bool { return t.objection(from, p) == none }

func (t *Taker) objection(from ID, p Promises) objection {
	switch {
	case t.slow[from] == 0 && p.ByGiver >= MaxUnproven:
		return unproven
	case p.ByAll >= t.maxPromises():
		return full
	case t.slow[from] > max(t.patience(p.Lacking), patienceFactor*t.quickest()):
		return tooSlow
	default:
		return none
	}
}

// Postpone returns when one whose offer is not accepted may offer again. Its
// pace is forgiven by and by, else it could never do better.
func (t *Taker) Postpone(from ID, p Promises) time.Duration {
	switch t.objection(from, p) {
	case unproven:
		return minPatience
	case full:
		return t.interval * minPromises / 2
	case tooSlow:
		t.slow[from] -= t.slow[from] / smoothingSamples
		return t.slow[from]
	default:
		return 0
	}
}

// quickest is what chunks of the quickest giver take. Where they all take long
// it is not the givers: our own answers are late.
func (t *Taker) quickest() time.Duration {
	var quickest time.Duration
	for _, took := range t.slow {
		if took > 0 && (quickest == 0 || took < quickest) {
			quickest = took
		}
	}
	return quickest
}

// maxPromises is how many chunks may be promised at a time: no more than a slow
// downlink takes within a moment, so that no giver is kept from others by it.
func (t *Taker) maxPromises() int {
	if t.interval <= 0 {
		return minPromises
	}
	return minPromises + int(promisedTime/t.interval)
}

// patience is how long a promised chunk may take: as long as it does not hold
// up the end, and several times what is usual.
func (t *Taker) patience(missing int) time.Duration {
	rest := time.Duration(missing) * t.interval / 2
	return max(patienceFactor*t.typical, min(rest, maxPatience), minPatience)
}

// Arrived records that a chunk came from a giver, took after it was promised; 0
// when it was not promised, or by another.
func (t *Taker) Arrived(from ID, took time.Duration, now time.Time) {
	if took > 0 {
		t.slow[from] = smooth(t.slow[from], took)
		t.typical = smooth(t.typical, took)
	}
	if !t.last.IsZero() {
		t.interval = smooth(t.interval, now.Sub(t.last))
	}
	t.last = now
}

// Left forgets a giver.
func (t *Taker) Left(from ID) { delete(t.slow, from) }

// IsOverdue tells whether a promise of that age is not to be waited for any
// longer, while so many chunks are lacking. GaveUp is to follow if so.
func (t *Taker) IsOverdue(age time.Duration, lacking int, now time.Time) bool {
	patience := t.patience(lacking)
	if t.typical == 0 {
		patience = maxPatience
	} else if usual := max(patienceFactor*t.typical, minSilence); now.Sub(t.last) > usual {
		patience = min(patience, usual) // nothing comes at all: there is no rest to fill the time
	}
	return age >= patience
}

// GaveUp records that a giver's promise of that age is waited for no longer.
func (t *Taker) GaveUp(from ID, age time.Duration) {
	t.slow[from] = max(smooth(t.slow[from], age), age)
}
