//go:build linux || darwin

package store_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
