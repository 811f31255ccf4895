package agent_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/common/load"
)

func watch(log string) *agent.Watch {
	meter, sockets := new(load.Meter), new(load.Sockets)
	return &agent.Watch{
		Address: "127.0.0.1:0", Log: log, Interval: time.Hour,
		Config: agent.Config{Reporter: load.NewReporter(load.Info{Node: "n"}, meter, sockets), Sockets: sockets},
	}
}

// The log of an earlier start stays: a command is run again when it was
// interrupted.
func TestALoadLogIsNotWrittenOver(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"a.jsonl", "a.2.jsonl", "a.3.jsonl"} {
		w := watch(filepath.Join(dir, "a.jsonl"))
		if err := w.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := filepath.Base(w.LogName()); got != want {
			t.Errorf("%s, not %s", got, want)
		}
		if err := w.During(func() error { return nil }); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"a.jsonl", "a.2.jsonl", "a.3.jsonl"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.Count(string(b), "\n") != 2 {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A load log on a full disk is told of at once, and takes neither the agent nor
// the work with it.
func TestALoadLogThatCannotBeWrittenEndsNothingElse(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no full disk here")
	}
	w := watch("/dev/full")
	told := make(chan error, 1)
	w.LogBroken = func(err error) { told <- err }
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.During(func() error {
		if err := <-told; !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
		}
		if status, _ := do(t, http.MethodGet, w.Addr().String(), "/load", nil); status != http.StatusOK {
			t.Errorf("the agent answers with %d", status)
		}
		return nil
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error("it is forgotten at the end:", err)
	}
}

// TestALoadLogThatIsRemovedIsMissed: lines for a file that has no name any more are
// lost.
func TestALoadLogThatIsRemovedIsMissed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can not be removed here")
	}
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	w := watch(filepath.Join(dir, "a.jsonl"))
	w.Interval = time.Millisecond
	told := make(chan error, 1)
	w.LogBroken = func(err error) { told <- err }
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := w.During(func() error {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := <-told; !strings.Contains(err.Error(), "has been removed") {
			t.Errorf("it says %v", err)
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "has been removed") {
		t.Errorf("in the end it says %v", err)
	}
}
