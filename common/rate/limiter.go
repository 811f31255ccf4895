package rate

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"
)

const (
	// slice is the unit in which limited bytes move, unless the link is so
	// fast that a millisecond of it is more. Equal slices, served in the order
	// in which they were asked for, are what makes the shares equal.
	slice = 16 << 10
	// burstTime is how much of an unused link may be caught up with. It is
	// small, so that a limited link behaves like a link.
	burstTime = 20 * time.Millisecond
)

// A Limiter is one direction of one link, shared by all connections that go
// over it. A nil *Limiter is unlimited.
type Limiter struct {
	bucket *rate.Limiter
	slice  int
}

// New gives a limiter of so many bytes per second. Its bucket holds 20 ms
// worth, and 16 KiB at the least. For 0, less, NaN or infinity New gives nil:
// no limit.
func New(bytesPerSecond float64) *Limiter {
	if !(bytesPerSecond > 0) || math.IsInf(bytesPerSecond, 1) {
		return nil
	}
	burst := min(max(slice, bytesPerSecond*burstTime.Seconds()), 1<<30)
	step := min(max(slice, bytesPerSecond*time.Millisecond.Seconds()), burst)
	return &Limiter{
		bucket: rate.NewLimiter(rate.Limit(bytesPerSecond), int(burst)),
		slice:  int(step),
	}
}

// Rate is the limit in bytes per second; 0 means unlimited.
func (l *Limiter) Rate() float64 {
	if l == nil {
		return 0
	}
	return float64(l.bucket.Limit())
}

// Wait blocks until n bytes may pass, and may be called with any n. It fails
// with ctx's error when ctx ends first; the bytes not yet let through are then
// given back. Several callers share the link in equal slices.
func (l *Limiter) Wait(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil || l == nil {
		return err
	}
	for n > 0 {
		step := min(n, l.slice)
		if !sleep(l.reserve(step), true, ctx.Done(), nil) {
			return ctx.Err()
		}
		n -= step
	}
	return nil
}

// reserve books n bytes, at most one slice, and tells when they may pass.
func (l *Limiter) reserve(n int) *rate.Reservation {
	return l.bucket.ReserveN(time.Now(), n)
}

// sleep waits until r may pass and tells whether it did; not if one of the
// channels was closed before. If it did not, giveBack returns the bytes.
func sleep(r *rate.Reservation, giveBack bool, stop, deadline <-chan struct{}) bool {
	delay := r.Delay()
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
	case <-deadline:
	}
	if giveBack {
		r.Cancel()
	}
	return false
}
