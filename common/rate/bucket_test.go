package rate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// drive sends n bytes in slices through a link of 1 MB/s whose sender wakes
// late each time, and returns how long that took.
func drive(n int, late func() time.Duration) time.Duration {
	l := New(1e6)
	begin := time.Unix(1000, 0)
	now := begin
	for sent := 0; sent < n; sent += l.slice {
		due := l.bucket.book(now, l.slice)
		if due.After(now) {
			now = due.Add(late())
			l.bucket.woke = now
		}
	}
	return now.Sub(begin)
}

func TestASleeperThatWakesLateKeepsTheRate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, late := range map[string]func() time.Duration{
		"in time":               func() time.Duration { return 0 },
		"a little late":         func() time.Duration { return time.Millisecond },
		"later than the bucket": func() time.Duration { return 50 * time.Millisecond },
		"at random":             func() time.Duration { return time.Duration(random.Int64N(int64(150 * time.Millisecond))) },
	} {
		if took := drive(20e6, late).Seconds(); math.Abs(took-20) > 0.2 {
			t.Errorf("%s: 20 MB at 1 MB/s took %.2f s", name, took)
		}
	}
}

func TestWhatIsMadeUpForHasABound(t *testing.T) {
	const late = 1200 * time.Millisecond
	sleeps := 0
	took := drive(1e6, func() time.Duration { sleeps++; return late })
	floor := time.Duration(sleeps) * (late - catchUp - burstTime)
	if took < floor {
		t.Errorf("%d sleeps of %v too long, and yet it took only %v", sleeps, late, took)
	}
}

func TestAnIdleLinkSavesUpNoMoreThanTheBucket(t *testing.T) {
	l := New(1e6)
	now := time.Unix(1000, 0)
	l.bucket.book(now, 20_000)
	due := l.bucket.book(now, 20_000) // must wait 20 ms
	now = due.Add(50 * time.Millisecond)
	l.bucket.woke = now
	now = now.Add(time.Minute) // nobody wants anything
	if due := l.bucket.book(now, 20_000); due.After(now) {
		t.Errorf("a full bucket does not pass at once, but %v later", due.Sub(now))
	}
	if due := l.bucket.book(now, 10_000); due.Sub(now) != 10*time.Millisecond {
		t.Errorf("past the bucket it takes %v, want 10ms", due.Sub(now))
	}
}

func TestWhoStaysAwayOnPurposeDoesNotCountAsLate(t *testing.T) {
	l := New(1e6)
	now := time.Unix(1000, 0)
	l.bucket.book(now, 20_000)
	now = l.bucket.book(now, 20_000) // woken in time
	l.bucket.woke = now
	now = now.Add(100 * time.Millisecond) // then the network was slow
	l.bucket.book(now, 20_000)
	if due := l.bucket.book(now, 10_000); due.Sub(now) != 10*time.Millisecond {
		t.Errorf("past the bucket it takes %v, want 10ms", due.Sub(now))
	}
}
