package rate

import "time"

// catchUp is the most that a sleep which lasted too long is made up for.
const catchUp = 200 * time.Millisecond

// bucket is the bookkeeping of a Limiter: a token bucket kept as one point in
// time (the generic cell rate algorithm, ITU-T I.371, Annex A). It differs
// from golang.org/x/time/rate in one thing. On a busy machine a sleep lasts
// too long, and what the link could have carried meanwhile would be lost; a
// real link has a queue in front of it and loses nothing. So the time that a
// caller overslept is not lost here either.
//
// It knows no clock and no lock: callers bring the time.
type bucket struct {
	perByte float64       // nanoseconds that a byte takes
	credit  time.Duration // the bucket's size, as time
	paid    time.Time     // until when the bytes booked so far keep the link busy
	woke    time.Time     // when a caller last woke from a wait
}

// book books n bytes and returns when they may pass.
func (b *bucket) book(now time.Time, n int) time.Time {
	if b.paid.Before(now) { // the link was free for a while
		b.paid = now.Add(-b.overslept(now))
	}
	b.paid = b.paid.Add(b.time(n))
	return b.paid.Add(-b.credit)
}

// overslept returns how long the link was free only because a caller that was
// waiting for it woke too late. It counts for whoever comes right after.
func (b *bucket) overslept(now time.Time) time.Duration {
	if now.Sub(b.woke) > b.credit {
		return 0
	}
	return min(max(b.woke.Sub(b.paid), 0), catchUp)
}

// cancel takes n bytes back that were booked and did not pass.
func (b *bucket) cancel(n int) { b.paid = b.paid.Add(-b.time(n)) }

func (b *bucket) time(n int) time.Duration { return time.Duration(float64(n) * b.perByte) }
