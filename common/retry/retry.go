package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"starmesh/common/fault"
)

// maxAsked bounds the pause that the other side may ask for (fault.Later).
const maxAsked = time.Minute

// Backoff is how pauses grow with failures in a row: from First, doubled each
// time, to Max.
type Backoff struct {
	First, Max time.Duration
	// Jitter is the share of a pause by which it is made longer or shorter at
	// random, so that not all who failed in the same moment come back in one.
	Jitter float64
}

// Pause returns how long to wait after the given number of failures in a row.
func (b Backoff) Pause(failures int) time.Duration {
	pause := b.First
	for n := 1; n < failures && pause < b.Max; n++ {
		pause *= 2
	}
	pause = min(pause, b.Max)
	if spread := time.Duration(b.Jitter * float64(pause)); spread > 0 {
		pause += rand.N(2*spread) - spread
	}
	return pause
}

// Patience decides about one thing that may fail many times. It is not for
// several goroutines.
type Patience struct {
	backoff  Backoff
	limit    time.Duration
	last     time.Time // the last progress
	failures int       // in a row, since then
}

// New returns a patience that gives up when limit has passed since the last
// progress, or since now while there is none; with a limit of 0 at the first
// failure, with a negative one never.
func New(b Backoff, limit time.Duration) *Patience {
	return &Patience{backoff: b, limit: limit, last: time.Now()}
}

// Progress notes that something went well at the time at: the failures before
// it do not count any more.
func (p *Patience) Progress(at time.Time) { p.last, p.failures = at, 0 }

// Next returns how long to wait after err before another try, at least what the
// other side asked for (a minute of it at most); ok is false when it is of no
// use (fault.Final) or no more worth while.
func (p *Patience) Next(err error) (wait time.Duration, ok bool) {
	if p.limit == 0 || fault.Final(err) || p.limit > 0 && time.Since(p.last) >= p.limit {
		return 0, false
	}
	p.failures++
	return max(p.backoff.Pause(p.failures), min(fault.RetryAfter(err), maxAsked)), true
}

// Wait waits, and fails with ctx's error when that ends first.
func Wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Missed returns how long this process was not run, be it stopped, when so much time
// has passed and it was to go on after planned: what others did not do meanwhile is
// no silence of theirs.
func Missed(passed, planned time.Duration) time.Duration {
	const usual = 25 * time.Millisecond // as clocks and processors are
	if missed := passed - planned; missed >= usual {
		return missed
	}
	return 0
}
