package scheduler

import (
	"math"
	"slices"
	"time"

	"starmesh/common/content"
)

const (
	// firstAhead is how many offers are open before anything was measured; less
	// while there are few to share them: whoever comes first is not to get all.
	firstAhead = 6
	// mostAhead bounds the offers open at a time, whatever was measured.
	mostAhead = 64
	// long and veryLong are times of a chunk on slow uplinks.
	long     = 80 * time.Millisecond
	veryLong = 900 * time.Millisecond
	// An answer that takes lateTrips times as long as usual, and leastLate at
	// least, is not waited for.
	lateTrips = 4
	leastLate = 300 * time.Millisecond
	// firstSlow is how long to wait for a receipt before anything was measured.
	firstSlow = 500 * time.Millisecond
	// mostRefused bounds by how much offers are multiplied because some are
	// declined.
	mostRefused = 0.5
	// leastWindow is how many chunks are on their way at the least: one being
	// sent and one behind it, and one whose receipt is on its way back. TCP
	// begins slowly after a pause, so one connection alone fills an uplink
	// badly.
	leastWindow = 3
	mostWindow  = 64
	// leastQueued and mostQueued are how many chunks should wait in front of
	// the uplink.
	leastQueued = 1
	mostQueued  = 2
	// forget is how long the shortest way is believed in.
	forget = 10 * time.Second
	// smooth is the weight of a new measurement, as in TCP's round trip
	// estimate (RFC 6298).
	smooth = 8
	// crawl is how many times the usual may pass without a receipt before
	// one more chunk is sent all the same: perhaps it is not our uplink but the
	// downlinks of those we send to.
	crawl = 3
)

// queue holds the accepted offers, and measures how far ahead offers must be
// made so that it does not run dry.
type queue struct {
	waiting []waiting
	sending []*transit
	trip    time.Duration // from an offer to its answer
	each    time.Duration // the uplink's time for one chunk
	refused float64       // share of offers declined
	last    time.Time     // when the chunk before was through
	moved   time.Time     // the same, or when one was sent on suspicion
	window  window
	slowed  map[ID]bool // neighbours whose downlink was slower than our uplink
	leads   bool        // it hands out what nobody has yet
}

// transit is a chunk on its way.
type transit struct {
	Offer
	since     time.Time
	overtaken int // chunks that were sent later and are through
}

// waiting is a chunk to be sent.
type waiting struct {
	Offer
	from time.Time // not before: its taker may still say no
}

func (q *queue) accepted(o Offer, trip time.Duration) {
	q.waiting = append(q.waiting, waiting{Offer: o})
	q.refused -= q.refused / smooth
	q.took(trip)
}

// overdue is how long an answer may take before it is not waited for.
func (q *queue) overdue() time.Duration { return max(lateTrips*q.trip, leastLate) }

// took measures a trip. One answer that waited behind a chunk on a slow uplink
// says nothing about the others.
func (q *queue) took(trip time.Duration) {
	if q.trip > 0 {
		trip = min(trip, q.overdue())
	}
	q.trip = blend(q.trip, trip)
}

// again takes a chunk whose acceptance came too late to tell about trips.
func (q *queue) again(o Offer) { q.waiting = append(q.waiting, waiting{Offer: o}) }

func (q *queue) declined(o Offer, trip time.Duration) {
	q.drop(o)
	q.refused += (1 - q.refused) / smooth
	q.took(trip)
}

// expect takes an offer for accepted unless an answer comes in time.
func (q *queue) expect(o Offer, now time.Time) {
	q.waiting = append(q.waiting, waiting{Offer: o, from: now.Add(q.trip * 3 / 2)})
	q.refused -= q.refused / smooth
}

// wait is the time until the first chunk may be sent that only waits for a no.
func (q *queue) wait(now time.Time) time.Duration {
	var least time.Duration
	for _, w := range q.waiting {
		if d := w.from.Sub(now); d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

// next takes the first offer whose chunk has arrived and whose taker is not
// still busy with an earlier one, if the uplink has room.
func (q *queue) next(have content.Set, now time.Time) (Offer, bool) {
	stuck := q.stuck()
	room := len(q.sending)-len(stuck) < q.size()
	if !room && now.Sub(q.moved) < q.slow(now) {
		return Offer{}, false
	}
	for at, o := range q.waiting {
		if !have.Has(o.Chunk) || now.Before(o.from) || slices.Contains(stuck, o.To) || !room && q.sendingTo(o.To) > 0 {
			continue
		}
		if q.sendingTo(o.To) >= max(q.size()-1, 1) && q.waitsAnother(o.To, have, now) {
			continue // whose downlink may be slower than our uplink
		}
		q.waiting = slices.Delete(q.waiting, at, at+1)
		q.sending = append(q.sending, &transit{Offer: o.Offer, since: now})
		if !room || len(q.sending) == 1 {
			q.moved = now
		}
		return o.Offer, true
	}
	return Offer{}, false
}

// size is how many chunks may be on their way: one until it is known how long
// that takes. Where it takes long there is time enough for its receipt, and
// what this node says to those it sends to waits behind each. One more where
// this node leads: no mesh is faster than its origin, so that uplink must never
// run dry, and nobody waits for its word.
func (q *queue) size() int {
	switch {
	case q.each > veryLong, q.each == 0 && !q.leads:
		return 1
	case q.each > long:
		return 2
	default:
		if q.leads {
			return q.window.size() + 1
		}
		return q.window.size()
	}
}

func (q *queue) sendingTo(to ID) int {
	n := 0
	for _, t := range q.sending {
		if t.To == to {
			n++
		}
	}
	return n
}

// waitsAnother tells whether a chunk for anyone else could be sent now.
func (q *queue) waitsAnother(to ID, have content.Set, now time.Time) bool {
	return slices.ContainsFunc(q.waiting, func(w waiting) bool {
		return w.To != to && have.Has(w.Chunk) && !now.Before(w.from)
	})
}

// transit gives the chunk on its way that was offered so; nil when there is
// none.
func (q *queue) transit(o Offer) *transit {
	for _, t := range q.sending {
		if t.Offer == o {
			return t
		}
	}
	return nil
}

// stop forgets chunks that are on their way.
func (q *queue) stop(which func(*transit) bool) { q.sending = slices.DeleteFunc(q.sending, which) }

// holds tells whether an offer was accepted and is not through yet.
func (q *queue) holds(o Offer) bool {
	return q.transit(o) != nil || slices.ContainsFunc(q.waiting, func(w waiting) bool { return w.Offer == o })
}

// stuck gives the neighbours whose chunk was overtaken by so many others that
// it must be their downlink that is slow. What they are sent does not fill our
// uplink.
func (q *queue) stuck() []ID {
	var to []ID
	for _, t := range q.sending {
		if q.isStuck(t) || q.slowed[t.To] {
			to = append(to, t.To)
		}
	}
	return to
}

func (q *queue) isStuck(t *transit) bool { return t.overtaken > 2*q.size() }

func (q *queue) sent(o Offer, now time.Time) {
	done := q.transit(o)
	if done == nil {
		return
	}
	q.stop(func(t *transit) bool { return t == done })
	for _, t := range q.sending {
		if t.since.Before(done.since) {
			t.overtaken++
		}
	}
	q.moved = now
	if q.isSlow(o.To, done, now) {
		return // what a slow downlink takes says nothing about our uplink
	}
	q.window.took(now.Sub(done.since), len(q.sending)+1, now)
	began := done.since
	if q.last.After(began) {
		began = q.last
	}
	q.each = blend(q.each, now.Sub(began))
	q.last = now
}

// pace is what the uplink takes for one chunk: what was measured, or more when
// what is on its way already takes longer. A slow uplink is to be known as one
// before its first chunk is through.
func (q *queue) pace(now time.Time) time.Duration {
	first := now
	for _, t := range q.sending {
		if t.since.Before(first) {
			first = t.since
		}
	}
	if q.last.After(first) {
		first = q.last
	}
	return max(q.each, now.Sub(first)/time.Duration(max(len(q.sending), 1)))
}

// isSlow tells whether the chunk that is through went into a slow downlink. A
// neighbour that was found to have one is taken to have it until a chunk takes
// no longer than usual: when nothing else is sent meanwhile, nothing can
// overtake.
func (q *queue) isSlow(to ID, done *transit, now time.Time) bool {
	switch {
	case q.isStuck(done):
		q.slowed[to] = true
	case now.Sub(done.since) < crawl*max(q.each, q.window.best):
		delete(q.slowed, to)
	}
	return q.slowed[to]
}

func (q *queue) drop(o Offer) {
	q.stop(func(t *transit) bool { return t.Offer == o })
	q.waiting = slices.DeleteFunc(q.waiting, func(w waiting) bool { return w.Offer == o })
}

func (q *queue) dropAll(id ID) {
	q.waiting = slices.DeleteFunc(q.waiting, func(w waiting) bool { return w.To == id })
	q.stop(func(t *transit) bool { return t.To == id })
	delete(q.slowed, id)
}

// ahead is how many offers should be open to so many takers: one being sent,
// one that waits behind it, and what the uplink sends while an offer and its
// answer travel; more where some will be declined.
func (q *queue) ahead(takers int) int {
	if q.each <= 0 {
		return min(1+takers, firstAhead)
	}
	accepted := 1 - min(q.refused, mostRefused)
	trips := (1 + float64(q.trip)/float64(q.each)) / accepted
	return min(q.size()+int(math.Ceil(trips)), mostAhead+q.size())
}

// slow is how long to wait for a receipt before one more chunk is sent, to
// somebody else.
func (q *queue) slow(now time.Time) time.Duration {
	if q.each <= 0 {
		return max(firstSlow, crawl*q.pace(now))
	}
	return crawl * q.each
}

func blend(old, sample time.Duration) time.Duration {
	if old == 0 {
		return sample
	}
	return old + (sample-old)/smooth
}
