//go:build unix

package central

import (
	"errors"
	"net/http"
	"os"
	"syscall"
	"testing"

	"starmesh/common/fault"
)

// TestDescriptorsAreKeptBackFromConnections: however many come, the folder can be
// looked at and the files of those who are in be sent.
func TestDescriptorsAreKeptBackFromConnections(t *testing.T) {
	s := startServer(t)
	w := s.overHTTP(t)
	s.add(t, "x", noise(1000))
	s.mustGet(t, "x", noise(1000))
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Skip(err)
	}
	restore := func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }
	defer restore()
	now := before
	now.Cur = 120
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		t.Skip(err)
	}
	in := dial(t, s)
	for { // fill up to the two reserves of 15
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Fd() >= 120-2*15 {
			break
		}
	}
	if _, err := tryDial(t, s); !errors.Is(err, fault.Busy) || fault.RetryAfter(err) == 0 {
		t.Errorf("one connection more: %v", err)
	}
	if r, _ := w.ask(t, http.MethodGet, "/x"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("over HTTP: %s", r.Status)
	}
	s.add(t, "new", noise(10))
	if _, list := describeFile(t, in, "new"); list.Size() != 10 {
		t.Error("who is in is not served")
	}
}
