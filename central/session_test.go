package central

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestLongWorkIsToldOf: a client that hears nothing would take the connection for
// dead while the server's disk confirms an upload.
func TestLongWorkIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, failed := 0, errors.New("the disk is gone")
		err := meanwhile(func() { told++ }, func() error {
			time.Sleep(3*time.Second + workingEvery/2)
			return failed
		})
		if want := int(3 * time.Second / workingEvery); err != failed || told != want {
			t.Errorf("%v, told %d times, not %d", err, told, want)
		}
	})
}
