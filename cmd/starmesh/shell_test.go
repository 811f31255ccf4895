package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shell runs a script of the repository as a user would, with a state folder
// of its own, and gives what it printed.
func shell(t *testing.T, state, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("bash", append([]string{filepath.Join("..", "..", "scripts", script)}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+state, "XDG_CACHE_HOME="+state, "GOCACHE="+goEnv(t, "GOCACHE"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", script, args, err, out)
	}
	return string(out)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func needBash(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
}

// TestStopEndsWhatWasStartedAndNothingElse: a process that got a number which
// a script once noted is a stranger.
func TestStopEndsWhatWasStartedAndNothingElse(t *testing.T) {
	needBash(t)
	state, folder := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "hello.txt"), []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := shell(t, state, "start-central.sh", folder, "--listen", "127.0.0.1:0")
	defer shell(t, state, "stop.sh")
	address := regexp.MustCompile(`address +(star://\S+)`).FindStringSubmatch(out)
	if address == nil {
		t.Fatalf("no address is told:\n%s", out)
	}
	got, err := exec.Command("starmesh", "central", "get", address[1]+"/hello.txt", "-o", "-", "--quiet").Output()
	if err != nil || string(got) != "hello" {
		t.Fatalf("the server gave %q, %v", got, err)
	}

	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	defer func() { _ = stranger.Process.Kill() }()
	files, err := filepath.Glob(filepath.Join(state, "starmesh-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the state folder is not in %s: %q %v", state, files, err)
	}
	note := fmt.Sprintf("%d 1\n", stranger.Process.Pid)
	if err := os.WriteFile(filepath.Join(files[0], "stranger.pid"), []byte(note), 0o666); err != nil {
		t.Fatal(err)
	}

	if out := shell(t, state, "stop.sh"); out != "stopping central\n" {
		t.Errorf("stop.sh said %q", out)
	}
	if err := exec.Command("starmesh", "central", "ping", address[1], "-c", "1").Run(); err == nil {
		t.Error("the server still answers")
	}
	select {
	case err := <-ended:
		t.Errorf("the stranger was ended: %v", err)
	default:
	}
	if out := shell(t, state, "stop.sh"); out != "nothing runs\n" {
		t.Errorf("stop.sh, once more, said %q", out)
	}
}

func TestCompareRunsTheStarAndTheMesh(t *testing.T) {
	needBash(t)
	dir := t.TempDir()
	out := shell(t, t.TempDir(), "compare.sh", "-n", "3", "-s", "400KB", "-u", "50mbit", "-o", dir)
	if !regexp.MustCompile(`(?m)^3 +star +\S+ m?s +\S+ +3\.00 `).MatchString(out) {
		t.Errorf("three receivers: the server sends three copies:\n%s", out)
	}
	if !strings.Contains(out, filepath.Join(dir, "report.html")) {
		t.Errorf("where the report is is not told:\n%s", out)
	}
}

// TestStartPeersMakesAMesh: all have the file in the end, it is said who sent
// how much, and stop ends them all.
func TestStartPeersMakesAMesh(t *testing.T) {
	needBash(t)
	state, out := t.TempDir(), t.TempDir()
	file := filepath.Join(t.TempDir(), "some file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("mesh"), 300_000), 0o666); err != nil {
		t.Fatal(err)
	}
	said := shell(t, state, "start-peers.sh", "-o", out, "3", file, "--no-mdns")
	defer shell(t, state, "stop.sh")
	for _, want := range []string{"peer-1 ", "peer-3 ", "all 2 have the verified file", "scripts/stop.sh"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not told:\n%s", want, said)
		}
	}
	for _, peer := range []string{"peer-2", "peer-3"} {
		if err := exec.Command("cmp", file, filepath.Join(out, peer, "some file")).Run(); err != nil {
			t.Errorf("%s does not have the file: %v", peer, err)
		}
	}
	if got := shell(t, state, "stop.sh"); got != "stopping peer-1\nstopping peer-2\nstopping peer-3\n" {
		t.Errorf("stop.sh said %q", got)
	}
}
