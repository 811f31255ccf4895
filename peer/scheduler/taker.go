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
	// rate; beyond, promisedRounds times as many as arrived in promisedTime.
	minPromises    = 16
	promisedTime   = time.Second
	promisedRounds = 2
	// doubtTime is for how long a chunk that was given up is left to those who have
	// brought something. Not for ever: perhaps none of them has it.
	doubtTime = 5 * time.Second
	// MaxUnproven is how many of them one giver may hold that has not brought
	// anything yet: promises cost it nothing.
	MaxUnproven = 6
)

// Taker decides for one file which offers this node accepts, and how long it
// waits for what was promised. Which chunks are wanted at all, and who has
// promised which, is not its business: it is told. It is for one goroutine at a
// time.
type Taker struct {
	givers   *Reputation
	interval time.Duration // between two arrivals
	last     time.Time     // arrival
	recent   recent
	overdue  map[int]time.Time // chunks that were given up, and when last
	disputed map[int]bool      // chunks that others offered while they were promised
}

// Promises is what is promised when a giver makes one offer more.
type Promises struct {
	Lacking int // chunks of the file that have not arrived
	ByAll   int // chunks that are promised
	ByLate  int // of them, by givers that are late
	ByGiver int // by that giver
}

// NewTaker makes the taker of a file, for a node that thinks so of its givers.
func NewTaker(givers *Reputation) *Taker {
	return &Taker{givers: givers, overdue: map[int]time.Time{}, disputed: map[int]bool{}}
}

// objection is why an offer is not accepted now.
type objection int

const (
	none     objection = iota
	early              // it was asked to wait
	unproven           // promises enough for one that has not brought anything, or brings it late
	full               // more would not arrive for long
	tooSlow            // its chunk would be among the last
)

// Accepts reports whether an offer of a wanted chunk should be accepted. A giver
// that is much slower than the others is welcome as long as its chunk arrives
// well before the rest of the file has.
func (t *Taker) Accepts(from ID, i int, p Promises, now time.Time) bool {
	return t.objection(from, i, p, now) == none
}

func (t *Taker) objection(from ID, i int, p Promises, now time.Time) objection {
	g := t.givers.of(from)
	switch {
	case now.Before(g.notBefore):
		return early
	case (!g.proven || t.givers.IsLate(from)) && p.ByGiver >= MaxUnproven,
		!g.proven && now.Sub(t.overdue[i]) < doubtTime && t.givers.someProven():
		return unproven
	case p.ByAll-p.ByLate >= t.maxPromises():
		return full
	case g.took > max(t.patience(p.Lacking), patienceFactor*t.givers.quickest()):
		return tooSlow
	default:
		return none
	}
}

// Postpone returns when one whose offer is not accepted may offer again. Its
// pace is forgiven by and by, else it could never do better.
func (t *Taker) Postpone(from ID, i int, p Promises, now time.Time) time.Duration {
	switch t.objection(from, i, p, now) {
	case early:
		return t.givers.of(from).notBefore.Sub(now)
	case unproven:
		return minPatience
	case full:
		return min(t.interval*minPromises/2, promisedTime)
	case tooSlow:
		return t.givers.forgive(from, now)
	default:
		return 0
	}
}

// Disputed records that chunk i was offered while another had promised it.
func (t *Taker) Disputed(i int) { t.disputed[i] = true }

// maxPromises is how many chunks may be promised at a time: no more than a slow
// downlink takes within a moment, so that no giver is kept from others by it.
func (t *Taker) maxPromises() int {
	return minPromises + promisedRounds*max(t.recent.now, t.recent.before)
}

// recent counts arrivals: those of the promisedTime that runs, and of the one
// before. They come in clumps, so that the time between two tells little.
type recent struct {
	since       time.Time
	now, before int
}

func (r *recent) add(now time.Time) {
	if past := now.Sub(r.since); past >= promisedTime {
		r.before = 0
		if past < 2*promisedTime {
			r.before = r.now
		}
		r.since, r.now = now, 0
	}
	r.now++
}

// patience is how long a promised chunk may take: as long as it does not hold
// up the end, and several times what is usual.
func (t *Taker) patience(missing int) time.Duration {
	rest := time.Duration(missing) * t.interval / 2
	return max(patienceFactor*t.givers.usual(), min(rest, maxPatience), minPatience)
}

// Arrived records that chunk i came from a giver, took after it was promised; 0
// when it was not promised, or by another.
func (t *Taker) Arrived(from ID, i int, took time.Duration, now time.Time) {
	if took > 0 {
		t.givers.brought(from, took)
	}
	if !t.last.IsZero() {
		t.interval = smooth(t.interval, now.Sub(t.last))
	}
	t.last = now
	t.recent.add(now)
	delete(t.overdue, i)
	delete(t.disputed, i)
}

// IsOverdue reports whether the promise of chunk i, of that age, is not to be
// waited for any longer, while so many chunks are lacking. GaveUp is to follow
// if so.
func (t *Taker) IsOverdue(i int, age time.Duration, lacking int, now time.Time) bool {
	patience := t.patience(lacking)
	switch usual := t.givers.usual(); {
	case usual == 0 && t.disputed[i]:
		patience = minSilence
	case usual == 0:
		patience = maxPatience
	case now.Sub(t.last) > max(patienceFactor*usual, minSilence): // nothing comes at all: there is no rest to fill the time
		patience = min(patience, max(patienceFactor*usual, minSilence))
	}
	return age >= patience
}

// GaveUp records that a giver's promise of chunk i, of that age, is waited for no
// longer.
func (t *Taker) GaveUp(from ID, i int, age time.Duration, now time.Time) {
	t.overdue[i] = now
	delete(t.disputed, i)
	t.givers.failed(from, age, now)
}
