package scheduler

import (
	"maps"
	"slices"
	"time"
)

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
// waits for what was promised. Which chunks are wanted at all is not its
// business. It is for one goroutine at a time.
type Taker struct {
	claims   map[int]claim
	slow     map[ID]time.Duration // what chunks of each giver take, from promise to arrival
	held     map[ID]int           // claims of each giver
	typical  time.Duration        // the same for all givers
	interval time.Duration        // between two arrivals
	last     time.Time            // arrival
}

type claim struct {
	from  ID
	since time.Time
}

// NewTaker makes a taker with no claims.
func NewTaker() *Taker {
	return &Taker{claims: map[int]claim{}, slow: map[ID]time.Duration{}, held: map[ID]int{}}
}

// objection is why an offer is not accepted now.
type objection int

const (
	none     objection = iota
	unproven           // promises enough for one that has not brought anything
	full               // more would not arrive for long
	tooSlow            // its chunk would be among the last
)

// Accepts tells whether an offer of a wanted chunk should be accepted, while
// missing chunks of the file have not arrived. A giver that is much slower than
// the others is welcome as long as its chunk arrives well before the rest of the
// file has.
func (t *Taker) Accepts(from ID, missing int) bool { return t.objection(from, missing) == none }

func (t *Taker) objection(from ID, missing int) objection {
	switch {
	case t.slow[from] == 0 && t.held[from] >= MaxUnproven:
		return unproven
	case len(t.claims) >= t.maxPromises():
		return full
	case t.slow[from] > max(t.patience(missing), patienceFactor*t.quickest()):
		return tooSlow
	default:
		return none
	}
}

// Postpone returns when one whose offer is not accepted may offer again. Its
// pace is forgiven by and by, else it could never do better.
func (t *Taker) Postpone(from ID, missing int) time.Duration {
	switch t.objection(from, missing) {
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

// Claimed records an accepted offer.
func (t *Taker) Claimed(from ID, i int, now time.Time) {
	t.claims[i] = claim{from: from, since: now}
	t.held[from]++
}

// Arrived records that chunk i came from a giver.
func (t *Taker) Arrived(from ID, i int, now time.Time) {
	if c, ok := t.claims[i]; ok && c.from == from {
		took := now.Sub(c.since)
		t.slow[from] = smooth(t.slow[from], took)
		t.typical = smooth(t.typical, took)
		t.Dropped(i)
	}
	if !t.last.IsZero() {
		t.interval = smooth(t.interval, now.Sub(t.last))
	}
	t.last = now
}

// Dropped records that chunk i is not to be waited for.
func (t *Taker) Dropped(i int) {
	if c, ok := t.claims[i]; ok {
		delete(t.claims, i)
		t.held[c.from]--
	}
}

// Left drops the promises of a giver who left and returns their chunks.
func (t *Taker) Left(from ID) []int {
	var chunks []int
	for i, c := range t.claims {
		if c.from == from {
			chunks = append(chunks, i)
			delete(t.claims, i)
		}
	}
	delete(t.slow, from)
	delete(t.held, from)
	slices.Sort(chunks)
	return chunks
}

// GiveUp drops the promises that are not to be waited for any longer and
// returns their chunks.
func (t *Taker) GiveUp(missing int, now time.Time) []int {
	patience := t.patience(missing)
	if t.typical == 0 {
		patience = maxPatience
	} else if usual := max(patienceFactor*t.typical, minSilence); now.Sub(t.last) > usual {
		patience = min(patience, usual) // nothing comes at all: there is no rest to fill the time
	}
	var late []int
	for _, i := range slices.Sorted(maps.Keys(t.claims)) {
		c := t.claims[i]
		if age := now.Sub(c.since); age >= patience {
			late = append(late, i)
			t.slow[c.from] = max(smooth(t.slow[c.from], age), age)
			t.Dropped(i)
		}
	}
	return late
}
