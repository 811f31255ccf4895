package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/transfer"
)

func TestFetchFromOneSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 7), new(tally)
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(f.source("a", time.Second)), transfer.Config{OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		y.is(t, 7, 0, 0)
	})
}

func TestFetchTakesOnlyWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 7), new(tally)
		to := newSink(f, 0, 1, 4)
		if err := transfer.Fetch(t.Context(), to, sources(f.source("a", 0)), transfer.Config{OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		y.is(t, 4, 0, 0)
	})
}

func TestFetchWhenSourcesAllHaveDifferentChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 12), new(tally)
		var all []*script
		for n := range 3 {
			has := content.NewSet(12)
			for i := n; i < 12; i += 3 {
				has.Add(i)
			}
			g := giver{testFile: f, has: has, pause: time.Second}
			all = append(all, &script{name: fmt.Sprint(n), run: g.run})
		}
		began := time.Now()
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(all...), transfer.Config{OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		y.is(t, 12, 0, 0)
		if y.by["0"] != 4 || y.by["1"] != 4 || y.by["2"] != 4 || time.Since(began) != 4*time.Second {
			t.Errorf("each of three brings 4 chunks in 4 s, beside the others: %v in %v", y.by, time.Since(began))
		}
	})
}

func TestTwoSourcesNeverBringTheSameChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 100), new(tally)
		var all []*script
		for n := range 8 {
			all = append(all, f.source(fmt.Sprint(n), time.Duration(n+1)*time.Millisecond))
		}
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(all...), transfer.Config{OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		y.is(t, 100, 0, 0)
		if to.writes != 100 {
			t.Errorf("%d chunks were written for a file of 100", to.writes)
		}
	})
}

// TestFetchWithOneDeadSource: what the dead one had claimed goes to the living
// one at once.
func TestFetchWithOneDeadSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 10)
		dead := &script{name: "dead", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			for i := range 10 {
				w.Claim(i)
			}
			time.Sleep(3 * time.Second)
			return io.ErrUnexpectedEOF
		}}
		living := f.source("living", 0)
		from := make(chan transfer.Source)
		go func() {
			from <- dead
			time.Sleep(time.Second) // the dead one has everything by now
			from <- living
			close(from)
		}()
		began := time.Now()
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, from, transfer.Config{}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the claims came back after 3 s, the file was whole after %v", took)
		}
	})
}

// TestAReleasedClaimWakesWhoWaits: without the source that made it ending.
func TestAReleasedClaimWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 1)
		fickle := &script{name: "fickle", run: func(ctx context.Context, w transfer.Wanted, _ int) error {
			release, ok := w.Claim(0)
			if !ok {
				t.Error("nobody else can have claimed the chunk yet")
			}
			time.Sleep(2 * time.Second)
			release()
			release() // twice is once
			<-ctx.Done()
			return ctx.Err()
		}}
		from := make(chan transfer.Source)
		go func() {
			from <- fickle
			time.Sleep(time.Second)
			from <- f.source("patient", 0)
			close(from)
		}()
		began := time.Now()
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, from, transfer.Config{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("released after 2 s, whole after %v", took)
		}
	})
}

// TestWantedSaysWhatChanges looks at one source's view while it acts.
func TestWantedSaysWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 3)
		only := &script{name: "only", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			closed := func(c <-chan struct{}) bool {
				select {
				case <-c:
					return true
				default:
					return false
				}
			}
			mine := w.Missing()
			mine.Remove(2)
			if w.Missing().Count() != 3 {
				t.Error("Missing is the caller's own copy")
			}
			changed := w.Changed()
			release, _ := w.Claim(0)
			if closed(changed) || w.Missing().Has(0) {
				t.Error("a claim makes Missing smaller, which is no reason to look")
			}
			release()
			if !closed(changed) || !w.Missing().Has(0) {
				t.Error("a release must be told")
			}
			changed = w.Changed()
			if err := w.Deliver(0, f.chunk(0)); err != nil || !closed(changed) {
				t.Errorf("a delivery must be told: %v", err)
			}
			if _, ok := w.Claim(0); ok {
				t.Error("a chunk that is held was promised")
			}
			_, _ = w.Deliver(1, f.chunk(1)), w.Deliver(2, f.chunk(2))
			return nil
		}}
		if err := transfer.Fetch(t.Context(), newSink(f), sources(only), transfer.Config{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAChunkThatIsHeldIsCountedAsReceivedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 3), new(tally)
		pushy := &script{name: "pushy", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			for _, i := range []int{0, 0, 1, 0, 2} { // no claims at all
				if err := w.Deliver(i, f.chunk(i)); err != nil {
					t.Errorf("chunk %d: %v", i, err)
				}
			}
			return nil
		}}
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(pushy), transfer.Config{OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
		y.is(t, 3, 2, 0)
	})
}

// TestADeliveryEndsAnothersClaim: peers may push what someone else promised.
func TestADeliveryEndsAnothersClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, y := newFile(t, 2), new(tally)
		slow := f.source("slow", time.Hour)
		pushy := &script{name: "pushy", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			time.Sleep(time.Second)
			return errors.Join(w.Deliver(0, f.chunk(0)), w.Deliver(1, f.chunk(1)))
		}}
		began := time.Now()
		if err := transfer.Fetch(t.Context(), newSink(f), sources(slow, pushy), transfer.Config{OnChunk: y.add}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("whole after %v", took)
		}
		y.is(t, 2, 0, 0)
	})
}

func TestAWholeFileNeedsNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, chunks := range []int{0, 3} {
			f := newFile(t, chunks)
			to := newSink(f)
			for i := range chunks {
				_ = to.WriteChunk(i, f.chunk(i))
			}
			// A channel on which nothing ever comes, and that is never closed.
			if err := transfer.Fetch(t.Context(), to, make(chan transfer.Source), transfer.Config{}); err != nil {
				t.Errorf("%d chunks: %v", chunks, err)
			}
			if err := transfer.Fetch(t.Context(), to, sources(), transfer.Config{}); err != nil {
				t.Errorf("%d chunks, no source: %v", chunks, err)
			}
		}
	})
}

func TestWithoutAnySourceThereIsNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 2)
		if err := transfer.Fetch(t.Context(), newSink(f), sources(), transfer.Config{}); !errors.Is(err, fault.NoSource) {
			t.Error(err)
		}
		idle := &script{name: "idle", run: func(context.Context, transfer.Wanted, int) error { return nil }}
		if err := transfer.Fetch(t.Context(), newSink(f), sources(idle), transfer.Config{}); !errors.Is(err, fault.NoSource) {
			t.Errorf("a source that brings nothing and does not complain: %v", err)
		}
	})
}

func TestTheLastWordIsWhatTheSourcesSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 2)
		says := func(name string, err error) *script {
			return &script{name: name, run: func(context.Context, transfer.Wanted, int) error { return err }}
		}
		one := transfer.Fetch(t.Context(), newSink(f), sources(says("tokyo", fault.NotFound)), transfer.Config{})
		if !errors.Is(one, fault.NotFound) || one.Error() != "tokyo: not found" {
			t.Errorf("one source: %v", one)
		}
		two := transfer.Fetch(t.Context(), newSink(f), sources(says("tokyo", fault.NotFound), says("oslo", io.EOF)), transfer.Config{})
		for _, want := range []error{fault.NoSource, fault.NotFound, io.EOF} {
			if !errors.Is(two, want) {
				t.Errorf("two sources: %q does not tell of %v", two, want)
			}
		}
	})
}

// TestSourcesMayComeLater: while the channel is open there is hope.
func TestSourcesMayComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 4)
		early := &script{name: "early", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			_ = w.Deliver(0, f.chunk(0))
			return fault.NotFound
		}}
		from := make(chan transfer.Source)
		go func() {
			from <- early
			time.Sleep(time.Hour)
			from <- f.source("late", 0)
			close(from)
		}()
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, from, transfer.Config{}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
	})
}

func TestAStoreThatFailsEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 10)
		to := newSink(f)
		to.refuse = func(i int) error {
			if i == 3 {
				return fault.Wrapf(fault.NoSpace, "the disk is full")
			}
			return nil
		}
		// This one takes the store's error for somebody else's trouble.
		stubborn := &script{name: "stubborn", run: func(ctx context.Context, w transfer.Wanted, _ int) error {
			_ = w.Deliver(3, f.chunk(3))
			<-ctx.Done()
			return nil
		}}
		slow := f.source("slow", time.Hour)
		err := transfer.Fetch(t.Context(), to, sources(slow, stubborn), transfer.Config{RetryFor: -1})
		if !errors.Is(err, fault.NoSpace) || err.Error() != "the disk is full" {
			t.Errorf("%v", err)
		}
		if n := slow.runs.Load() + stubborn.runs.Load(); n != 2 {
			t.Errorf("%d runs: a full disk is not tried again", n)
		}
	})
}

func TestWhatHasArrivedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 10)
		g := giver{testFile: f, has: content.FullSet(10), lose: func(i int) error {
			if i == 6 {
				return fault.Changed
			}
			return nil
		}}
		to := newSink(f)
		err := transfer.Fetch(t.Context(), to, sources(&script{name: "a", run: g.run}), transfer.Config{RetryFor: time.Hour})
		if !errors.Is(err, fault.Changed) || !slices.Equal(slices.Collect(to.Have().All()), []int{0, 1, 2, 3, 4, 5}) {
			t.Errorf("%v, with %d chunks held", err, to.Have().Count())
		}
	})
}

func TestTheContextsEndEndsTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 3)
		why := errors.New("the user pressed Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(why) })
		began := time.Now()
		err := transfer.Fetch(ctx, newSink(f), sources(f.source("slow", time.Hour)), transfer.Config{RetryFor: -1})
		if !errors.Is(err, why) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}

		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := transfer.Fetch(ctx, newSink(f), make(chan transfer.Source), transfer.Config{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while no source is there: %v", err)
		}
	})
}

// TestNothingRunsAfterFetchHasReturned: however long a source takes to end.
func TestNothingRunsAfterFetchHasReturned(t *testing.T) {
	for what, arrange := range map[string]func(f testFile, to *sink, cancel func()){
		"the file is whole": func(testFile, *sink, func()) {},
		"cancelled": func(_ testFile, _ *sink, cancel func()) {
			time.AfterFunc(time.Second, cancel)
		},
		"the store failed": func(_ testFile, to *sink, _ func()) {
			to.refuse = func(int) error { return fault.NoSpace }
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFile(t, 3)
			to := newSink(f)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			arrange(f, to, cancel)
			slowToEnd := &script{name: "slow to end", run: func(ctx context.Context, w transfer.Wanted, _ int) error {
				<-ctx.Done()
				time.Sleep(time.Minute) // a last write to a slow network
				return nil
			}}
			quick := f.source("quick", 5*time.Second)
			_ = transfer.Fetch(ctx, to, sources(slowToEnd, quick), transfer.Config{})
			if n := slowToEnd.inside.Load() + quick.inside.Load(); n != 0 {
				t.Errorf("%s: %d sources were still running", what, n)
			}
		})
	}
}

func TestBytesDeliveredAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(t, 3)
		reuses := &script{name: "reuses its buffer", run: func(_ context.Context, w transfer.Wanted, _ int) error {
			buf := make([]byte, content.MinChunk)
			for i := range 3 {
				p := buf[:copy(buf, f.chunk(i))]
				if err := w.Deliver(i, p); err != nil {
					return err
				}
				copy(buf, bytes.Repeat([]byte("x"), len(buf)))
			}
			return nil
		}}
		to := newSink(f)
		if err := transfer.Fetch(t.Context(), to, sources(reuses), transfer.Config{}); err != nil {
			t.Fatal(err)
		}
		to.mustHold(t, f)
	})
}
