package transfer_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/transfer"
)

// pauses notes what OnRetry is told.
type pauses struct {
	waits []time.Duration
	errs  []error
}

func (p *pauses) add(_ string, err error, wait time.Duration) {
	p.waits = append(p.waits, wait)
	p.errs = append(p.errs, err)
}

// failing is a source that never brings anything.
func failing(err error) *script {
	return &script{name: "failing", run: func(context.Context, transfer.Wanted, int) error { return err }}
}

// TestPausesGrow: 100 ms at first, doubled each time, 5 s at most; and half of
// it either way, so that not all clients return in the same moment.
func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFile(t, 1), new(pauses)
		var starts, ends []time.Time
		s := &script{name: "s", run: func(context.Context, transfer.Wanted, int) error {
			starts = append(starts, time.Now())
			time.Sleep(time.Second) // that it takes a while to fail is not part of the pause
			ends = append(ends, time.Now())
			return io.EOF
		}}
		err := transfer.Fetch(t.Context(), newSink(f), sources(s), transfer.Config{RetryFor: time.Minute, OnRetry: p.add})
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		want := 100 * time.Millisecond
		for n, wait := range p.waits {
			if wait < want/2 || wait >= want*3/2 {
				t.Errorf("pause %d is %v, not about %v", n, wait, want)
			}
			if slept := starts[n+1].Sub(ends[n]); slept != wait {
				t.Errorf("pause %d was %v; %v had been announced", n, slept, wait)
			}
			want = min(2*want, 5*time.Second)
		}
		if len(p.waits) < 8 {
			t.Errorf("only %d pauses in a minute", len(p.waits))
		}
	})
}

// TestASourceIsGivenUpAfterRetryFor counts from the first failure.
func TestASourceIsGivenUpAfterRetryFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retryFor = 20 * time.Second
		f, s := newFile(t, 1), failing(io.ErrUnexpectedEOF)
		began := time.Now()
		err := transfer.Fetch(t.Context(), newSink(f), sources(s), transfer.Config{RetryFor: retryFor})
		took := time.Since(began)
		if !errors.Is(err, io.ErrUnexpectedEOF) || took < retryFor || took >= retryFor+7500*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestWithoutRetryForASourceIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFile(t, 1), failing(io.EOF)
		if err := transfer.Fetch(t.Context(), newSink(f), sources(s), transfer.Config{}); !errors.Is(err, io.EOF) || s.runs.Load() != 1 {
			t.Errorf("%v after %d runs", err, s.runs.Load())
		}
	})
}

func TestANegativeRetryForIsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFile(t, 1), failing(io.EOF)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		err := transfer.Fetch(ctx, newSink(f), sources(s), transfer.Config{RetryFor: -1})
		if !errors.Is(err, context.DeadlineExceeded) || s.runs.Load() < 10_000 {
			t.Errorf("%v after %d runs", err, s.runs.Load())
		}
	})
}

func TestFinalErrorsAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 1)
		for _, kind := range []error{fault.NotFound, fault.Refused, fault.Unauthorized, fault.Changed, fault.Version} {
			s := failing(fault.Wrapf(kind, "no"))
			err := transfer.Fetch(t.Context(), newSink(f), sources(s), transfer.Config{RetryFor: time.Hour})
			if !errors.Is(err, kind) || s.runs.Load() != 1 {
				t.Errorf("%v: %v after %d runs", kind, err, s.runs.Load())
			}
		}
	})
}

// TestProgressRenewsThePatience: a source that brings one chunk each time may
// take longer in all than RetryFor.
func TestProgressRenewsThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retryFor = 500 * time.Millisecond
		f, p := newFile(t, 20), new(pauses)
		oneEach := &script{name: "one each", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			i, _ := w.Missing().Next(0)
			if err := w.Deliver(i, f.chunk(i)); err != nil {
				return err
			}
			return io.ErrUnexpectedEOF
		}}
		began := time.Now()
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(oneEach), transfer.Config{RetryFor: retryFor, OnRetry: p.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		if took := time.Since(began); took <= retryFor {
			t.Fatalf("whole after %v: this test would not notice", took)
		}
		for n, wait := range p.waits {
			if wait >= 150*time.Millisecond {
				t.Errorf("pause %d is %v: after progress it begins anew", n, wait)
			}
		}
	})
}

func TestRetryAfterIsHonouredAndCapped(t *testing.T) {
	for _, c := range []struct{ asked, waits time.Duration }{
		{30 * time.Second, 30 * time.Second},
		{24 * time.Hour, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFile(t, 1)
			busyOnce := &script{name: "busy", run: func(_ context.Context, w transfer.Wanted, nth int) error {
				if nth == 1 {
					return fault.FromCode(fault.Code(fault.Busy), "full", c.asked)
				}
				return w.Deliver(0, f.chunk(0))
			}}
			began := time.Now()
			if err := transfer.Fetch(t.Context(), newSink(f), sources(busyOnce), transfer.Config{RetryFor: time.Hour}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != c.waits {
				t.Errorf("asked to come again after %v, came after %v", c.asked, took)
			}
		})
	}
}

func TestAShortRetryAfterDoesNotShortenThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := newFile(t, 1), new(pauses)
		s := failing(fault.FromCode(fault.Code(fault.Busy), "full", time.Nanosecond))
		_ = transfer.Fetch(t.Context(), newSink(f), sources(s), transfer.Config{RetryFor: time.Second, OnRetry: p.add})
		if p.waits[0] < 50*time.Millisecond {
			t.Errorf("the first pause was %v", p.waits[0])
		}
	})
}

// TestAWaitingSourceIsNotWaitedFor: the file is whole, the pause is over.
func TestAWaitingSourceIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 2)
		busy := failing(fault.FromCode(fault.Code(fault.Busy), "full", time.Minute))
		began := time.Now()
		if err := transfer.Fetch(t.Context(), newSink(f), sources(busy, f.source("good", time.Second)), transfer.Config{RetryFor: -1}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("whole after %v", took)
		}
	})
}

func TestACorruptChunkIsFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 5), new(tally)
		spoilt := false
		g := giver{testFile: f, has: content.FullSet(5), spoil: func(i int, p []byte) {
			if i == 2 && !spoilt {
				spoilt = true
				p[17] ^= 1
			}
		}}
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(&script{name: "a", run: g.run}), transfer.Config{RetryFor: time.Minute, OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		y.is(t, 5, 0, 1)
	})
}

// TestACorruptChunkGoesToAnotherSource without waiting for the first to be
// asked again.
func TestACorruptChunkGoesToAnotherSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 5), new(tally)
		liar := giver{testFile: f, has: content.FullSet(5), spoil: func(_ int, p []byte) { p[0] ^= 0x80 }}
		to := newSink(f)
		err := transfer.Fetch(t.Context(), to, sources(&script{name: "liar", run: liar.run}, f.source("honest", time.Millisecond)),
			transfer.Config{OnChunk: y.add})
		if err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		if y.by["honest"] != 5 || y.outcomes[transfer.Corrupt] != 1 {
			t.Errorf("stored by %v, %d corrupt", y.by, y.outcomes[transfer.Corrupt])
		}
	})
}

// TestCorruptFiveTimesInARowGivesUp: once may be the wire, five times is the
// file, however long RetryFor is.
func TestCorruptFiveTimesInARowGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 5), new(tally)
		g := giver{testFile: f, has: content.FullSet(5), spoil: func(i int, p []byte) {
			if i == 3 {
				p[0] ^= 1
			}
		}}
		s := &script{name: "rotten disk", run: g.run}
		to := newSink(f)
		err := transfer.Fetch(t.Context(), to, sources(s), transfer.Config{RetryFor: -1, OnChunk: y.add})
		if !errors.Is(err, fault.Corrupt) {
			t.Error(err)
		}
		y.is(t, 3, 0, 5)
		if s.runs.Load() != 5 {
			t.Errorf("%d runs", s.runs.Load())
		}
	})
}

func TestOtherFailuresBetweenCorruptOnesDoNotHideThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 1)
		s := &script{name: "a", run: func(_ context.Context, w transfer.Wanted, nth int) error {
			if nth%2 == 0 {
				return io.EOF
			}
			return w.Deliver(0, make([]byte, f.list.ChunkLen(0)))
		}}
		err := transfer.Fetch(t.Context(), newSink(f), sources(s), transfer.Config{RetryFor: -1})
		if !errors.Is(err, fault.Corrupt) || s.runs.Load() != 9 {
			t.Errorf("%v after %d runs", err, s.runs.Load())
		}
	})
}

// TestAnImpossibleChunkIsNotStored: an index outside the file, a wrong length.
func TestAnImpossibleChunkIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 3), new(tally)
		s := &script{name: "a", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			for _, i := range []int{-1, 3, 1 << 30} {
				if err := w.Deliver(i, f.chunk(0)); !errors.Is(err, fault.Invalid) {
					t.Errorf("chunk %d: %v", i, err)
				}
			}
			for _, p := range [][]byte{nil, {1}, make([]byte, 1<<20)} {
				if err := w.Deliver(0, p); !errors.Is(err, fault.Corrupt) {
					t.Errorf("%d bytes: %v", len(p), err)
				}
			}
			return nil
		}}
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(s), transfer.Config{OnChunk: y.add}); !errors.Is(err, fault.NoSource) {
			t.Error(err)
		}
		y.is(t, 0, 0, 6)
		if to.writes != 0 {
			t.Errorf("%d chunks were written", to.writes)
		}
	})
}
