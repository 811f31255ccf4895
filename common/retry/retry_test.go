package retry_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/fault"
	"starmesh/common/retry"
)

func TestPausesDoubleUpToTheMaximum(t *testing.T) {
	b := retry.Backoff{First: time.Second, Max: 5 * time.Second}
	for failures, want := range []time.Duration{time.Second, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
		if got := b.Pause(failures); got != want {
			t.Errorf("after %d failures %v, not %v", failures, got, want)
		}
	}
	if got := b.Pause(1 << 30); got != b.Max {
		t.Errorf("after very many failures %v", got)
	}
}

func TestJitterSpreadsPausesEitherWay(t *testing.T) {
	b := retry.Backoff{First: time.Second, Max: time.Minute, Jitter: 0.5}
	shorter, longer := 0, 0
	for range 1000 {
		switch pause := b.Pause(1); {
		case pause < time.Second/2 || pause >= time.Second*3/2:
			t.Fatalf("a pause of %v", pause)
		case pause < time.Second:
			shorter++
		default:
			longer++
		}
	}
	if min(shorter, longer) < 300 {
		t.Errorf("%d pauses are shorter, %d longer", shorter, longer)
	}
}

// until tries until the patience ends and returns the pauses.
func until(p *retry.Patience, err error) (pauses []time.Duration) {
	for len(pauses) < 10_000 {
		pause, ok := p.Next(err)
		if !ok {
			break
		}
		time.Sleep(pause)
		pauses = append(pauses, pause)
	}
	return pauses
}

func TestPatienceCountsFromTheLastProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.Backoff{First: time.Second, Max: 10 * time.Second}
		p := retry.New(b, 20*time.Second)
		began := time.Now()
		if n := len(until(p, io.EOF)); n != 5 || time.Since(began) != 25*time.Second {
			t.Errorf("%d pauses in %v", n, time.Since(began))
		}
		p.Progress(time.Now())
		time.Sleep(19 * time.Second) // nothing came in this time, but nothing failed either
		if pause, ok := p.Next(io.EOF); !ok || pause != b.First {
			t.Errorf("after progress: %v, %v", pause, ok)
		}
		time.Sleep(time.Second)
		if _, ok := p.Next(io.EOF); ok {
			t.Error("20 s after the last progress it goes on")
		}
	})
}

func TestHowLongPatienceLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.Backoff{First: time.Second, Max: time.Hour}
		if n := len(until(retry.New(b, 0), io.EOF)); n != 0 {
			t.Errorf("without patience: %d pauses", n)
		}
		if n := len(until(retry.New(b, -1), io.EOF)); n != 10_000 {
			t.Errorf("with patience for ever: %d pauses", n)
		}
		if n := len(until(retry.New(b, time.Hour), fault.Wrapf(fault.NotFound, "no"))); n != 0 {
			t.Errorf("it is no use, but there are %d pauses", n)
		}
	})
}

func TestTheOtherSideMayAskForALongerPause(t *testing.T) {
	b := retry.Backoff{First: time.Second, Max: 5 * time.Second}
	for asked, want := range map[time.Duration]time.Duration{
		0: time.Second, time.Millisecond: time.Second, 7 * time.Second: 7 * time.Second, time.Hour: time.Minute,
	} {
		pause, ok := retry.New(b, -1).Next(fault.FromCode(fault.Code(fault.Busy), "full", asked))
		if !ok || pause != want {
			t.Errorf("asked for %v: %v, %v", asked, pause, ok)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := retry.Wait(ctx, time.Second/2); err != nil {
			t.Error(err)
		}
		if err := retry.Wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
