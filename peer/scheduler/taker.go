package scheduler

import (
	"maps"
	"slices"
	"time"
)

const (
	// patient is how many times longer than usual a promised chunk may take
	// while nothing else is left to fetch.
	patient = 4
	// leastPatience is what a promised chunk may take in any case, and
	// mostPatience what it may take only because there is time until the end.
	leastPatience = 250 * time.Millisecond
	mostPatience  = 30 * time.Second
	// fewClaims is how many chunks may be promised at a time whatever the
	// rate; beyond, no more than arrive in oneRound.
	fewClaims = 16
	oneRound  = time.Second
	// FewUnproven is how many of them one giver may hold that has not brought
	// anything yet: promises cost it nothing.
	FewUnproven = 6
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

// Claim is a promise that a giver made.
type Claim struct {
	From  ID
	Chunk int
}

// NewTaker makes a taker with no claims.
func NewTaker() *Taker {
	return &Taker{claims: map[int]claim{}, slow: map[ID]time.Duration{}, held: map[ID]int{}}
}

// Ready tells whether an offer of a wanted chunk should be accepted, while
// missing chunks of the file have not arrived; if not, when to offer again.
// A giver that is much slower than the others is welcome as long as its chunk
// arrives well before the rest of the file has.
func (t *Taker) Ready(from ID, missing int, now time.Time) (ok bool, wait time.Duration) {
	if t.slow[from] == 0 && t.held[from] >= FewUnproven {
		return false, leastPatience
	}
	if len(t.claims) >= t.most() {
		return false, t.interval * fewClaims / 2
	}
	if t.slow[from] > max(t.patience(missing), patient*t.quickest()) {
		// Its pace is forgiven by and by, else it could never do better.
		t.slow[from] -= t.slow[from] / smooth
		return false, t.slow[from]
	}
	return true, 0
}

// quickest is what chunks of the quickest giver take. Where they all take long
// it is not the givers: our own answers are late.
func (t *Taker) quickest() time.Duration {
	var least time.Duration
	for _, took := range t.slow {
		if least == 0 || took < least {
			least = took
		}
	}
	return least
}

// most is how many chunks may be promised at a time: no more than a slow
// downlink takes within a moment, so that no giver is kept from others by it.
func (t *Taker) most() int {
	if t.interval <= 0 {
		return fewClaims
	}
	return fewClaims + int(oneRound/t.interval)
}

// patience is how long a promised chunk may take: as long as it does not hold
// up the end, and several times what is usual.
func (t *Taker) patience(missing int) time.Duration {
	rest := time.Duration(missing) * t.interval / 2
	return max(patient*t.typical, min(rest, mostPatience), leastPatience)
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
		t.slow[from] = blend(t.slow[from], took)
		t.typical = blend(t.typical, took)
		t.Dropped(i)
	}
	if !t.last.IsZero() {
		t.interval = blend(t.interval, now.Sub(t.last))
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

// Left gives the chunks that a giver who left had promised, and drops them.
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

// Overdue gives the promises that are not to be waited for any longer, and
// drops them.
func (t *Taker) Overdue(missing int, now time.Time) []Claim {
	patience := t.patience(missing)
	if t.typical == 0 {
		patience = mostPatience
	} else if usual := max(patient*t.typical, time.Second); now.Sub(t.last) > usual {
		patience = min(patience, usual) // nothing comes at all: there is no rest to fill the time
	}
	var late []Claim
	for _, i := range slices.Sorted(maps.Keys(t.claims)) {
		c := t.claims[i]
		age := now.Sub(c.since)
		if age < patience {
			continue
		}
		late = append(late, Claim{From: c.from, Chunk: i})
		t.slow[c.from] = max(blend(t.slow[c.from], age), age)
		t.Dropped(i)
	}
	return late
}
