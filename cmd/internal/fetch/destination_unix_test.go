//go:build unix

package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A pipe that nobody reads does not keep Ctrl-C from ending the wait.
func TestWaitingForAPipeEndsWithItsContext(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := OpenDestination(ctx, pipe, nil, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	r, err := os.Open(pipe) // lets the one who waits go
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Error("it is no pipe any more")
	}
}
