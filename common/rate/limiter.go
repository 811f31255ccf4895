package rate

import (
	"context"
	"math"
	"sync"
	"time"
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
	rate  float64
	slice int // bytes

	mu     sync.Mutex
	bucket bucket
}

// New returns a limiter of so many bytes per second. Its bucket holds 20 ms
// worth, and 16 KiB at the least. For 0, less, NaN or infinity New returns nil:
// no limit.
func New(bytesPerSecond float64) *Limiter {
	if !(bytesPerSecond > 0) || math.IsInf(bytesPerSecond, 1) {
		return nil
	}
	perByte := min(1e9/bytesPerSecond, float64(time.Hour)) // less is not a link
	burst := max(slice, bytesPerSecond*burstTime.Seconds())
	return &Limiter{
		rate:   bytesPerSecond,
		slice:  int(min(max(slice, bytesPerSecond*time.Millisecond.Seconds()), 1<<30)),
		bucket: bucket{perByte: perByte, credit: time.Duration(burst * perByte)},
	}
}

// Rate is the limit in bytes per second; 0 means unlimited.
func (l *Limiter) Rate() float64 {
	if l == nil {
		return 0
	}
	return l.rate
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
		if !l.sleep(l.book(step), ctx.Done(), nil) {
			l.cancel(step)
			return ctx.Err()
		}
		n -= step
	}
	return nil
}

// book books n bytes, at most one slice, and returns when they may pass.
func (l *Limiter) book(n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket.book(time.Now(), n)
}

// cancel gives back what was booked and did not pass.
func (l *Limiter) cancel(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket.cancel(n)
}

// sleep waits until due and reports whether it did; not if one of the channels
// was closed before.
func (l *Limiter) sleep(due time.Time, stop, deadline <-chan struct{}) bool {
	left := time.Until(due)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
		return false
	case <-deadline:
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket.woke = time.Now()
	return true
}
