package fetch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/fault"
)

// TestWhoWasStoppedAsksAgain: a process that did not run for longer than it would
// wait has not waited.
func TestWhoWasStoppedAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, asked := &heard{}, 0
		m := &Mesh{Place: Place{Out: wordy{out}}}
		err := m.patiently(t.Context(), "file", func(context.Context) error {
			if asked++; asked > 1 {
				return nil
			}
			time.Sleep(firstWait + time.Minute)
			return fault.NotFound
		})
		if err != nil || asked != 2 {
			t.Errorf("%v after %d questions", err, asked)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m := &Mesh{Place: Place{Out: wordy{&heard{}}}}
		began := time.Now()
		err := m.patiently(t.Context(), "file", func(ctx context.Context) error {
			<-ctx.Done()
			return fault.NotFound
		})
		if took := time.Since(began); !errors.Is(err, fault.NotFound) || took != firstWait {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// wordy has words for errors.
type wordy struct{ *heard }

func (wordy) Words(err error) string { return err.Error() }
