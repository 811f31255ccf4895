//go:build unix

package atomicfile_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"starmesh/common/atomicfile"
)

// A device or pipe is written to, and stays what it is.
func TestStreamsAreWrittenToAndNotReplaced(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, link} {
		came := make(chan string, 1)
		go func() {
			b, err := os.ReadFile(pipe)
			if err != nil {
				t.Error(err)
			}
			came <- string(b)
		}()
		err := atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, func(w io.Writer) error {
			_, err := io.WriteString(w, "tickets")
			return err
		})
		if got := <-came; err != nil || got != "tickets" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if info, err := os.Stat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			t.Errorf("%s is no pipe any more", name)
		}
	}
	for name, want := range map[string]bool{
		os.DevNull: true, "/dev/stdout": true, "/dev/fd/3": true, "/dev/fd/../fd/3": true, pipe: true, link: true,
		dir: false, filepath.Join(dir, "none"): false, "/dev/shm/none": false, "": false,
	} {
		if got := atomicfile.IsStream(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
