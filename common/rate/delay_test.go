package rate_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/rate"
)

// TestWhatComesALongWayIsSeenLater: by the delay, in order, the end as well, and
// what is on its way is not held up by what is before it.
func TestWhatComesALongWayIsSeenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := rate.Limits{Delay: time.Second}.Conn(near)
		defer c.Close()
		began := time.Now()
		go func() {
			_, _ = far.Write([]byte("one"))
			time.Sleep(100 * time.Millisecond)
			_, _ = far.Write([]byte("two"))
			_ = far.Close()
		}()
		for _, want := range []struct {
			text  string
			after time.Duration
		}{{"on", time.Second}, {"e", time.Second}, {"tw", 1100 * time.Millisecond}, {"o", 1100 * time.Millisecond}} {
			p := make([]byte, 2)
			n, err := c.Read(p)
			if got := string(p[:n]); got != want.text || err != nil || time.Since(began) != want.after {
				t.Errorf("after %v: %q, %v; want %q after %v", time.Since(began), got, err, want.text, want.after)
			}
		}
		for range 2 {
			if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF || time.Since(began) != 1100*time.Millisecond {
				t.Errorf("after %v: %d, %v", time.Since(began), n, err)
			}
		}
	})
}

// TestADeadlineThrowsNothingAway: what was on its way when it passed comes later.
func TestADeadlineThrowsNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := rate.Limits{Delay: time.Second}.Conn(near)
		go func() { _, _ = far.Write([]byte("x")) }()
		if err := c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		p := make([]byte, 1)
		if n, err := c.Read(p); n != 1 || err != nil || p[0] != 'x' {
			t.Errorf("%d, %v", n, err)
		}
		time.AfterFunc(time.Minute, func() { c.Close() })
		if _, err := c.Read(p); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
		far.Close()
	})
}

func TestToConnectTakesARoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := (rate.Limits{Delay: time.Second}).Handshake(t.Context()); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := (rate.Limits{Delay: time.Second}).Handshake(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := (rate.Limits{}).Handshake(ctx); err != nil {
			t.Error(err)
		}
	})
}
