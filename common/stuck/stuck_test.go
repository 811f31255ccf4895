package stuck_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/stuck"
)

// TestACallUnderWayIsKnown for as long as it lasts, and no longer.
func TestACallUnderWayIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() { _, _ = (stuck.Writer{To: w}).Write([]byte("x")) }()
		time.Sleep(2 * time.Second)
		asked := time.Now()
		if since := stuck.For(asked); since != 0 {
			t.Errorf("a moment ago it was %v", since)
		}
		time.Sleep(time.Second)
		if since := stuck.For(asked); since != time.Second {
			t.Errorf("after a second it was %v", since)
		}
		if _, err := (stuck.Reader{From: r}).Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if since := stuck.For(asked); since != 0 {
			t.Errorf("with none under way it is %v", since)
		}
	})
}
