//go:build linux || darwin

package store_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
)

// asUser runs one test of this binary again as nobody, because root may do
// everything.
func asUser(t *testing.T, test string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "starmesh-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "test")
	if err := os.WriteFile(copied, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o777)
	cmd := exec.Command(copied, "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+test) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// limitFiles lets this process write no file of more than 1 MiB.
func limitFiles() error {
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20})
}

// A file that is larger than what can be written is said to be, and nothing is
// left of it.
func TestAFileThatIsTooLarge(t *testing.T) {
	_, dir := folder(t)
	_, out := start(t, "limit", dir)
	if !out.Scan() || out.Text() != "error f.part is larger than its file system, or this process, may write" {
		t.Error(out.Text())
	}
	wantFiles(t, dir)
}

func makePipe(name string) error { return syscall.Mkfifo(name, 0o666) }

// fewDescriptors lets this process have no descriptor but left of them above those
// it has, until free is called. fill takes what is left, or was closed meanwhile.
func fewDescriptors(t *testing.T, left uint64) (fill, free func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Skip(err)
	}
	var open []*os.File
	fill = func() {
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return
			}
			open = append(open, f)
		}
	}
	highest := uintptr(0)
	for range 64 { // so that an eighth of them is a number to speak of
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
		highest = max(highest, f.Fd())
	}
	now := before
	now.Cur = uint64(highest) + 1 + left
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		t.Skip(err)
	}
	free = sync.OnceFunc(func() {
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)
		for _, f := range open {
			f.Close()
		}
	})
	t.Cleanup(free)
	return fill, free
}

// A scan that can open nothing knows nothing: nothing is gone, it is said, and
// who asks is told to try again.
func TestWithoutDescriptorsNothingIsForgotten(t *testing.T) {
	dir := t.TempDir()
	oldFile(t, dir+"/a/f", []byte("x"))
	oldFile(t, dir+"/g", []byte("y"))
	told, onScan := scans()
	f, events, _ := watched(t, dir, store.FolderConfig{OnScan: onScan})
	appear(t, events, "a/f", "g")
	fill, free := fewDescriptors(t, 0)
	for stop := time.Now().Add(patience); store.LastScan(f).Err == nil && time.Now().Before(stop); {
		fill()
	}
	s := until(t, told, failed)
	if !errors.Is(s.Err, fault.Busy) || !strings.Contains(s.Err.Error(), "too many files are open") {
		t.Error(s.Err)
	}
	for _, name := range []string{"a/f", "none"} {
		if _, _, err := f.Describe(t.Context(), name, nil); !errors.Is(err, fault.Busy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := f.Entries("", "", 0); len(entries) != 2 {
		t.Error(entries)
	}
	free()
	until(t, told, worked)
	if _, _, err := f.Describe(t.Context(), "a/f", nil); err != nil {
		t.Error(err)
	}
	if len(events) != 0 {
		t.Error(next(t, events))
	}
}

func TestFilesForStrangersLeaveAReserve(t *testing.T) {
	dir := t.TempDir()
	oldFile(t, dir+"/f", []byte("x"))
	f := quietFolder(t, dir, store.FolderConfig{})
	if _, _, err := f.Describe(t.Context(), "f", nil); err != nil {
		t.Fatal(err)
	}
	fewDescriptors(t, 8) // the next is within the last eighth
	if _, err := f.Open("f"); !errors.Is(err, fault.Busy) {
		t.Error(err)
	}
	if _, _, err := f.Describe(t.Context(), "f", nil); err != nil {
		t.Error("looking at a file has the reserve:", err)
	}
}
