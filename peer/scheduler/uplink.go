package scheduler

import (
	"math"
	"slices"
	"time"

	"starmesh/common/content"
)

const (
	// initialOffers is how many offers are open before anything was measured;
	// less while there are few to share them: whoever comes first is not to get
	// all.
	initialOffers = 6
	// maxOffersAhead bounds the offers open at a time, whatever was measured.
	maxOffersAhead = MaxWindow
	// slowChunkTime and verySlowChunkTime are what one chunk takes on slow
	// uplinks: of 64 KiB, at 6.5 Mbit/s and at 0.6.
	slowChunkTime     = 80 * time.Millisecond
	verySlowChunkTime = 900 * time.Millisecond
	// An answer that takes lateAnswerTrips times as long as usual, and
	// minLateAnswer at least, is not waited for.
	lateAnswerTrips = 4
	minLateAnswer   = 300 * time.Millisecond
	// maxDeclinedShare bounds by how much offers are multiplied because some
	// are declined.
	maxDeclinedShare = 0.5
	// receiptTimeoutChunks is how many chunk times may pass without a receipt
	// before one more chunk is sent all the same: perhaps it is not our uplink
	// but the downlinks of those we send to.
	receiptTimeoutChunks = 3
	// initialReceiptTimeout is the same before anything was measured, and
	// maxReceiptTimeout its bound: on a slow uplink it grows with the time that
	// the first chunk takes, but who takes one and is never heard of again must
	// not stop the others.
	initialReceiptTimeout = 500 * time.Millisecond
	maxReceiptTimeout     = 4 * time.Second
	// A receipt that takes lateReceiptTrips times as long as an answer, counted
	// from when the chunk had left, lateReceiptWays times as long as chunks take to
	// theirs at best, and minLateReceipt at least, is not waited for: its
	// neighbour is silent.
	lateReceiptTrips = 8
	lateReceiptWays  = 4
	minLateReceipt   = 300 * time.Millisecond
	// farChunks is how many chunks a way holds at the least that is far.
	farChunks = 2 * minWindowChunks
)

// uplink holds the accepted offers, and measures how far ahead offers must be
// made so that it does not run dry.
type uplink struct {
	waiting []delivery // to be sent, in order
	sending []*transit
	window  window
	// answerTime is what passes from an offer to its answer, declinedShare how
	// many of the answers are no; chunkTime is what the uplink takes for one
	// chunk. All are smoothed, and 0 before the first.
	answerTime    time.Duration
	declinedShare float64
	chunkTime     time.Duration
	lastDelivered time.Time               // a chunk that tells about our uplink
	lastMoved     time.Time               // any chunk was delivered, or one sent on suspicion
	slowDownlinks map[ID]bool             // neighbours whose downlink is slower than our uplink
	length        func(chunk int) float64 // of a whole chunk's
	leads         bool                    // the last offer was a first copy: it hands out what nobody has yet
}

// delivery is one chunk on the way to one neighbour.
type delivery struct {
	to    ID
	chunk int
}

// transit is a chunk being sent.
type transit struct {
	delivery
	since     time.Time
	begun     bool      // it is being written, or has been
	written   time.Time // when it had left this node; zero until then
	overtaken int       // chunks that were sent later and are delivered
}

// enqueue takes what is to be sent when its turn comes.
func (u *uplink) enqueue(d delivery) { u.waiting = append(u.waiting, d) }

// expect takes an offer for accepted.
func (u *uplink) expect(d delivery) {
	u.enqueue(d)
	u.declinedShare -= u.declinedShare / smoothingSamples
}

func (u *uplink) accepted(d delivery, took time.Duration) {
	u.expect(d)
	u.answered(took)
}

func (u *uplink) declined(d delivery, took time.Duration) {
	u.drop(d)
	u.declinedShare += (1 - u.declinedShare) / smoothingSamples
	u.answered(took)
}

// answered measures an answer. One that waited behind a chunk on a slow uplink
// says nothing about the others.
func (u *uplink) answered(took time.Duration) {
	if u.answerTime > 0 {
		took = min(took, u.lateAnswer())
	}
	u.answerTime = smooth(u.answerTime, took)
}

// lateAnswer is how long an answer may take before it is not waited for.
func (u *uplink) lateAnswer() time.Duration {
	return max(lateAnswerTrips*u.answerTime, minLateAnswer)
}

// owed counts what waits for its turn or is on its way, of the chunks in have.
func (u *uplink) owed(have content.Set) int {
	n := len(u.sending)
	for _, w := range u.waiting {
		if have.Has(w.chunk) {
			n++
		}
	}
	return n
}

// next takes the first chunk that is ready and whose taker is not still busy
// with an earlier one, if the uplink has room.
func (u *uplink) next(have content.Set, now time.Time) (delivery, bool) {
	crawling, _ := u.late(now)
	room := u.underWay(now) < float64(u.size(now))
	if !room && now.Sub(u.lastMoved) < u.receiptTimeout(now) {
		return delivery{}, false
	}
	for at, w := range u.waiting {
		if !have.Has(w.chunk) || slices.Contains(crawling, w.to) || !room && u.sendingTo(w.to) > 0 {
			continue
		}
		if u.sendingTo(w.to) >= max(u.size(now)-1, 1) && u.othersWait(w.to, have) {
			continue // whose downlink may be slower than our uplink
		}
		u.waiting = slices.Delete(u.waiting, at, at+1)
		u.sending = append(u.sending, &transit{delivery: w, since: now})
		if !room || len(u.sending) == 1 {
			u.lastMoved = now
		}
		return w, true
	}
	return delivery{}, false
}

// underWay is how many whole chunks' bytes are on their way and do not crawl.
func (u *uplink) underWay(now time.Time) (chunks float64) {
	for _, t := range u.sending {
		if !u.crawls(t, now) {
			chunks += u.length(t.chunk)
		}
	}
	return chunks
}

// size is how many chunks may be on their way: one until it is known how long
// that takes. Where it takes long there is time enough for its receipt, and
// what this node says to those it sends to waits behind each. One more where
// this node leads: no mesh is faster than its origin, so that uplink must never
// run dry, and nobody waits for its word.
func (u *uplink) size(now time.Time) int {
	switch {
	case u.chunkTime > verySlowChunkTime, u.chunkTime == 0 && !u.leads:
		return 1
	case u.chunkTime > slowChunkTime:
		return 2
	case u.leads:
		return u.windowSize(now) + 1
	default:
		return u.windowSize(now)
	}
}

// windowSize is the window's. Where the way is long, what has left and cannot
// have been received yet does not count until a queue has been seen: it is the
// distance alone that keeps the uplink from more.
func (u *uplink) windowSize(now time.Time) int {
	if u.window.settled || !u.isFar() {
		return u.window.size()
	}
	underWay := minWindowChunks
	for _, t := range u.sending {
		if !t.written.IsZero() && now.Sub(t.written) < u.window.best-u.chunkTime && !u.slowDownlinks[t.to] {
			underWay++
		}
	}
	return max(u.window.size(), min(underWay, u.window.promised()))
}

// isFar reports whether the way holds many chunks.
func (u *uplink) isFar() bool {
	return u.chunkTime > 0 && u.window.best > farChunks*u.chunkTime
}

// receiptTimeout is how long to wait for a receipt before one more chunk is
// sent, to somebody else.
func (u *uplink) receiptTimeout(now time.Time) time.Duration {
	if u.chunkTime <= 0 {
		return min(max(initialReceiptTimeout, receiptTimeoutChunks*u.pace(now)), maxReceiptTimeout)
	}
	return receiptTimeoutChunks * u.chunkTime
}

func (u *uplink) sendingTo(to ID) int {
	n := 0
	for _, t := range u.sending {
		if t.to == to {
			n++
		}
	}
	return n
}

// othersWait reports whether a chunk for anyone but to could be sent now.
func (u *uplink) othersWait(to ID, have content.Set) bool {
	return slices.ContainsFunc(u.waiting, func(w delivery) bool { return w.to != to && have.Has(w.chunk) })
}

// transit returns the chunk being sent; nil when there is none.
func (u *uplink) transit(d delivery) *transit {
	for _, t := range u.sending {
		if t.delivery == d {
			return t
		}
	}
	return nil
}

// isLost reports whether a chunk has been on its way for too long.
func (u *uplink) isLost(d delivery, now time.Time) bool {
	t := u.transit(d)
	return t != nil && (u.isOvertaken(t, now) || u.isUnconfirmed(t, now)) && now.Sub(t.since) > transitTimeout
}

// late returns the neighbours whose chunk was overtaken by so many others, or has
// left so long ago, that it must be their downlink that is slow, one for each
// chunk: what they are sent does not fill our uplink. silent are those of them
// whose receipt is late.
func (u *uplink) late(now time.Time) (crawling, silent []ID) {
	for _, t := range u.sending {
		switch {
		case u.isUnconfirmed(t, now):
			crawling, silent = append(crawling, t.to), append(silent, t.to)
		case u.crawls(t, now):
			crawling = append(crawling, t.to)
		}
	}
	return crawling, silent
}

// crawls reports whether it is a neighbour's downlink that keeps a chunk.
func (u *uplink) crawls(t *transit, now time.Time) bool {
	return u.isUnconfirmed(t, now) || u.isOvertaken(t, now) || u.slowDownlinks[t.to]
}

// isUnconfirmed reports whether the receipt of a chunk is late, or the chunk does
// not even leave, for its neighbour takes nothing.
func (u *uplink) isUnconfirmed(t *transit, now time.Time) bool {
	limit := max(lateReceiptTrips*u.answerTime, lateReceiptWays*u.window.best, minLateReceipt)
	switch {
	case !t.written.IsZero():
		return now.Sub(t.written) > limit
	case u.chunkTime > 0:
		return now.Sub(t.since) > max(limit, time.Duration(2*u.size(now))*u.chunkTime)
	default:
		return now.Sub(t.since) > maxReceiptTimeout
	}
}

func (u *uplink) isOvertaken(t *transit, now time.Time) bool { return t.overtaken > 2*u.size(now) }

func (u *uplink) delivered(d delivery, now time.Time) {
	done := u.transit(d)
	if done == nil {
		return
	}
	u.sending = slices.DeleteFunc(u.sending, func(t *transit) bool { return t == done })
	for _, t := range u.sending {
		if t.since.Before(done.since) {
			t.overtaken++
		}
	}
	u.lastMoved = now
	u.judgeDownlink(done, now)
	if u.slowDownlinks[d.to] {
		return // what a slow downlink takes says nothing about our uplink
	}
	u.window.took(now.Sub(done.since), len(u.sending)+1, u.isFar(), now)
	u.chunkTime = smoothPart(u.chunkTime, u.took(done, now), u.length(d.chunk))
	u.lastDelivered = now
}

// took is how long the uplink had to do with the chunk that is delivered: since
// the one before, or, of the first one and as long as it is the distance that
// keeps it waiting, until it had left.
func (u *uplink) took(done *transit, now time.Time) time.Duration {
	took := now.Sub(latest(done.since, u.lastDelivered))
	if done.written.IsZero() || u.window.settled {
		return took
	}
	left := max(done.written.Sub(done.since), 1)
	if u.chunkTime == 0 || farChunks*left < u.window.best {
		return min(took, left)
	}
	return took
}

// judgeDownlink notes whether the chunk that is delivered went into a slow
// downlink. A neighbour that was found to have one is taken to have it until a
// chunk takes no longer than usual: when nothing else is sent meanwhile, nothing
// can overtake.
func (u *uplink) judgeDownlink(done *transit, now time.Time) {
	switch {
	case u.isOvertaken(done, now):
		u.slowDownlinks[done.to] = true
	case now.Sub(done.since) < receiptTimeoutChunks*max(u.chunkTime, u.window.best):
		delete(u.slowDownlinks, done.to)
	}
}

// pace is what the uplink takes for one chunk: what was measured, or more when
// what has not left yet already takes longer. A slow uplink is to be known as
// one before its first chunk is delivered.
func (u *uplink) pace(now time.Time) time.Duration {
	first, n := now, 0
	for _, t := range u.sending {
		if !t.written.IsZero() {
			continue
		}
		n++
		if t.since.Before(first) {
			first = t.since
		}
	}
	underWay := now.Sub(latest(first, u.lastDelivered))
	return max(u.chunkTime, underWay/time.Duration(max(n, 1)))
}

// ahead is how many offers should be open to so many takers: what is on its way,
// one that waits behind it, and what the uplink sends while an offer and its
// answer travel; more where some will be declined.
func (u *uplink) ahead(takers int, now time.Time) int {
	if u.chunkTime <= 0 {
		return min(1+takers, initialOffers)
	}
	accepted := 1 - min(u.declinedShare, maxDeclinedShare)
	trips := (1 + float64(u.answerTime)/float64(u.chunkTime)) / accepted
	ahead := u.size(now) + min(int(math.Ceil(trips)), maxOffersAhead)
	if !u.window.settled {
		ahead = min(ahead, u.window.promised()) // more would be turned down
	}
	return ahead
}

// drop forgets a chunk, whether it waits or is being sent.
func (u *uplink) drop(d delivery) { u.forget(func(o delivery) bool { return o == d }) }

// dropAll forgets all that goes to a neighbour, and what is known of it.
func (u *uplink) dropAll(to ID) {
	u.forget(func(d delivery) bool { return d.to == to })
	delete(u.slowDownlinks, to)
}

func (u *uplink) forget(which func(delivery) bool) {
	u.waiting = slices.DeleteFunc(u.waiting, which)
	u.sending = slices.DeleteFunc(u.sending, func(t *transit) bool { return which(t.delivery) })
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
