package fetch

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/central"
	"starmesh/common/fault"
)

// wire is a connection that holds until it is closed.
type wire struct{ closed bool }

func (w *wire) Alive() bool  { return !w.closed }
func (*wire) Reached() bool  { return true }
func (w *wire) Close() error { w.closed = true; return nil }

// silent is an Output that only counts the pauses.
type silent struct {
	Output
	pauses []time.Duration
}

func (s *silent) Verbose() bool                                  { return false }
func (s *silent) Waiting(_ string, _ error, after time.Duration) { s.pauses = append(s.pauses, after) }

func sessionOf(out Output, retry Patience) *session[*wire] {
	return &session[*wire]{
		dial:  func(context.Context, central.Address, central.ClientConfig) (*wire, error) { return &wire{}, nil },
		retry: retry, out: out,
	}
}

// TestPatienceCountsFromTheLastByte: an upload longer than it goes on after an
// interruption, as long as each try brings it further.
func TestPatienceCountsFromTheLastByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &silent{}
		s := sessionOf(out, Patience{For: 2 * time.Minute})
		began, sent, tries := time.Now(), int64(0), 0
		err := s.do(t.Context(), func(*wire) error {
			tries++
			time.Sleep(3 * time.Minute)
			sent += 1000
			s.progress(sent)
			if tries <= 5 {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		if err != nil || tries != 6 {
			t.Errorf("%v after %d tries", err, tries)
		}
		for _, pause := range out.pauses {
			if pause > 300*time.Millisecond {
				t.Errorf("a pause of %v after progress", pause)
			}
		}
		if took := time.Since(began); took < 18*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// TestPatienceEndsWithoutProgress: nor is it progress to say again what was
// there before.
func TestPatienceEndsWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sessionOf(&silent{}, Patience{For: 2 * time.Minute})
		began := time.Now()
		err := s.do(t.Context(), func(*wire) error {
			s.progress(1000)
			return io.ErrUnexpectedEOF
		})
		took := time.Since(began)
		if !errors.Is(err, io.ErrUnexpectedEOF) || took < 2*time.Minute || took > 2*time.Minute+8*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// TestAServerThatWasNeverReachedIsNotWaitedFor unless it was asked for.
func TestAServerThatWasNeverReachedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, toBegin := range []bool{false, true} {
			out := &silent{}
			s := sessionOf(out, Patience{For: time.Minute, ToBegin: toBegin})
			s.dial = func(context.Context, central.Address, central.ClientConfig) (*wire, error) { return nil, io.EOF }
			if err := s.do(t.Context(), func(*wire) error { return nil }); !errors.Is(err, io.EOF) || (len(out.pauses) > 5) != toBegin {
				t.Errorf("to begin: %v; %v after %d pauses", toBegin, err, len(out.pauses))
			}
		}
	})
}

// TestAFirstContactMayBreak a few times, as networks do; who breaks each one is
// not waited for.
func TestAFirstContactMayBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := fault.Wrapf(fault.Closed, "the server went away")
		for _, c := range []struct {
			breaks int
			with   error
			want   error
		}{
			{firstContacts - 1, closed, nil},
			{1000, closed, fault.Closed},
			{1, central.ErrSilent, nil},
			{2, central.ErrSilent, central.ErrSilent},
			{1, fault.Wrapf(fault.NoSource, "connection refused"), fault.NoSource},
		} {
			out, began := &silent{}, time.Now()
			s := sessionOf(out, Patience{For: time.Minute})
			s.dial = func(context.Context, central.Address, central.ClientConfig) (*wire, error) {
				if c.breaks--; c.breaks >= 0 {
					return nil, c.with
				}
				return &wire{}, nil
			}
			if err := s.do(t.Context(), func(*wire) error { return nil }); !errors.Is(err, c.want) || time.Since(began) > 4*time.Second {
				t.Errorf("%v: %v after %d pauses, %v", c.with, err, len(out.pauses), time.Since(began))
			}
		}
	})
}

// TestASilentServerLeavesPatienceForAnother: a connection over which nothing
// comes is given up long before the patience is over.
func TestASilentServerLeavesPatienceForAnother(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		-1: 0, 0: 0, time.Second: 3 * time.Second, 30 * time.Second: 7500 * time.Millisecond,
		time.Minute: 15 * time.Second, 2 * time.Minute: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		if got := (Patience{For: limit}).Silence(); got != want {
			t.Errorf("trying for %v, a server may be silent for %v, not %v", limit, got, want)
		}
	}
}
