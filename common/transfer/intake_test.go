package transfer_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/fault"
	"starmesh/common/transfer"
)

func TestWaitReturnsWhenTheFileIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, to := newFile(t, 3), newSink(newFile(t, 3))
		in := transfer.NewIntake(to, transfer.Config{RetryFor: time.Minute})
		c := in.Claimant("a")
		go func() {
			for i := range 3 {
				time.Sleep(50 * time.Second) // each chunk renews the patience
				_ = c.Deliver(i, f.chunk(i))
			}
		}()
		if err := in.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
	})
}

func TestWaitEnds(t *testing.T) {
	why := errors.New("the user pressed Ctrl-C")
	for name, c := range map[string]struct {
		retryFor time.Duration
		during   func(c *transfer.Claimant, f testFile, to *sink, cancel func(error))
		want     error
		after    time.Duration
	}{
		"at once without patience": {0, nil, fault.NoSource, 0},
		"when nothing arrives":     {time.Minute, nil, fault.NoSource, time.Minute},
		"when nothing arrives any more": {time.Minute, func(c *transfer.Claimant, f testFile, _ *sink, _ func(error)) {
			time.Sleep(time.Second)
			_ = c.Deliver(0, f.chunk(0))
			_ = c.Deliver(0, f.chunk(0)) // a repetition is no progress
		}, fault.NoSource, time.Minute + time.Second},
		"with the context, with its cause": {-1, func(_ *transfer.Claimant, _ testFile, _ *sink, cancel func(error)) {
			time.Sleep(time.Hour)
			cancel(why)
		}, why, time.Hour},
		"with the sink": {-1, func(c *transfer.Claimant, f testFile, to *sink, _ func(error)) {
			to.refuse = func(int) error { return fault.NoSpace }
			if err := c.Deliver(0, f.chunk(0)); !errors.Is(err, fault.NoSpace) {
				panic(err)
			}
		}, fault.NoSpace, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFile(t, 3)
				to := newSink(f)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				in := transfer.NewIntake(to, transfer.Config{RetryFor: c.retryFor})
				began := time.Now()
				if c.during != nil {
					go c.during(in.Claimant("a"), f, to, cancel)
				}
				if err := in.Wait(ctx); !errors.Is(err, c.want) || time.Since(began) != c.after {
					t.Errorf("%v after %v, not %v after %v", err, time.Since(began), c.want, c.after)
				}
			})
		})
	}
}

// TestAClosedIntakeTakesNothing, and Close waits for what is being written.
func TestAClosedIntakeTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 3), new(tally)
		to := newSink(f)
		var writing atomic.Bool
		to.refuse = func(int) error {
			writing.Store(true)
			time.Sleep(time.Second) // a slow disk
			writing.Store(false)
			return nil
		}
		in := transfer.NewIntake(to, transfer.Config{OnChunk: y.add})
		c := in.Claimant("a")
		go func() { _ = c.Deliver(0, f.chunk(0)) }()
		synctest.Wait()
		in.Close()
		if writing.Load() || !to.Have().Has(0) {
			t.Error("chunk 0 is still being written")
		}
		if _, ok := c.Claim(1); ok {
			t.Error("a chunk was promised to what takes no more")
		}
		if got, err := c.Receive(1, f.chunk(1)); err != nil || got.Outcome != transfer.Again || to.Have().Has(1) {
			t.Errorf("%v, %v", got, err)
		}
		y.is(t, 1, 1, 0)
	})
}

func TestAnArrivalSaysSinceWhenItWasClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 3)
		in := transfer.NewIntake(newSink(f), transfer.Config{})
		a, b := in.Claimant("a"), in.Claimant("b")
		claimed := time.Now()
		for i := range 3 {
			a.Claim(i)
		}
		time.Sleep(time.Second)
		if got, err := a.Receive(0, f.chunk(0)); err != nil || got.Outcome != transfer.Stored || !got.Claimed.Equal(claimed) {
			t.Errorf("claimed at %v: %+v, %v", claimed, got, err)
		}
		if got, err := b.Receive(1, f.chunk(1)); err != nil || got.Outcome != transfer.Stored || !got.Claimed.IsZero() {
			t.Errorf("claimed by another: %+v, %v", got, err)
		}
		wrong := f.chunk(2)
		wrong[0] ^= 1
		if got, err := a.Receive(2, wrong); !errors.Is(err, fault.Corrupt) || got.Outcome != transfer.Corrupt {
			t.Errorf("%+v, %v", got, err)
		}
		// Of the three claims one is left, for the source to be ended with.
		if lacking, claimed, own := b.Count(); lacking != 1 || claimed != 1 || own != 0 {
			t.Errorf("%d are lacking, %d claimed, %d by another", lacking, claimed, own)
		}
		if left := a.ReleaseAll(); !slices.Equal(left, []int{2}) || !in.Wants(2) {
			t.Errorf("%v were released", left)
		}
	})
}
