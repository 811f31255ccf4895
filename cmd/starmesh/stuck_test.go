//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestASignalEndsWhatWaitsForAPipe that nobody opens, writes to or reads: no
// command waits for a second signal.
func TestASignalEndsWhatWaitsForAPipe(t *testing.T) {
	if testing.Short() {
		t.Skip("each takes two seconds")
	}
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := []string{"central", "serve", file, "--listen", "127.0.0.1:0"}
	for name, args := range map[string][]string{
		"a file to hash":       {"hash", pipe},
		"sums, on stdin":       {"hash", "--check", "-"},
		"sums":                 {"hash", "--check", pipe},
		"a folder":             {"hash", "--collection", pipe},
		"a sidecar":            {"get", "http://127.0.0.1:1/x", "--sidecar", pipe},
		"a password":           {"central", "get", "127.0.0.1:1", "x", "--user", "ann", "--password-file", pipe},
		"users":                append(serve, "--tls", "--users", pipe),
		"a certificate":        append(serve, "--tls", "--cert", pipe, "--key", pipe),
		"an agent's token":     append(serve, "--agent", "127.0.0.1:0", "--agent-token-file", pipe),
		"a network key":        {"peer", "serve", file, "--no-mdns", "--network-key", pipe},
		"an identity":          {"peer", "serve", file, "--no-mdns", "--identity", pipe},
		"a load log":           {"compare", pipe},
		"a lab's folder":       {"lab", "report", pipe},
		"a lab's links":        {"lab", "run", "--anyway", "--profile", pipe, "--out", filepath.Join(dir, "lab")},
		"a full stdout":        {"--help"},
		"a full stdout, a log": append(serve, "--json"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("starmesh", args...)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			cmd.Stdout = full(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err := <-ended:
				t.Fatalf("it did not wait for it: %v", err)
			case <-time.After(time.Second): // it has begun
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				_ = cmd.Process.Kill()
				t.Errorf("it still waits: %v", <-ended)
			}
		})
	}
}

// full is a pipe that is full, and not read.
func full(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	for _, size := range []int{1 << 10, 1} {
		if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Skipf("such a pipe cannot be filled here: %v", err)
		}
		for err = nil; err == nil; {
			_, err = w.Write(make([]byte, size))
		}
	}
	return w
}
