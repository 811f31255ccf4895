package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shell runs a script of the repository as a user would, with a state folder
// of its own, and gives what it printed.
func shell(t *testing.T, state, script string, args ...string) string {
	t.Helper()
	out, status := shellStatus(t, state, script, args...)
	if status != 0 {
		t.Fatalf("%s %q: exit status %d\n%s", script, args, status, out)
	}
	return out
}

// shellStatus does so and gives the exit status too.
func shellStatus(t *testing.T, state, script string, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.Command("bash", append([]string{filepath.Join("..", "..", "scripts", script)}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+state, "XDG_CACHE_HOME="+state, "GOCACHE="+goEnv(t, "GOCACHE"))
	said, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%s %q: %v", script, args, err)
	}
	return string(said), cmd.ProcessState.ExitCode()
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
	if !regexp.MustCompile(`(?m)^3 +star +\S+ m?s( \?)? +\S+( \?)? +3\.00 `).MatchString(out) {
		t.Errorf("three receivers: the server sends three copies:\n%s", out)
	}
	if !strings.Contains(out, filepath.Join(dir, "report.html")) {
		t.Errorf("where the report is is not told:\n%s", out)
	}
}

// TestCompareHandsOnFlagsOfTheLab: what is put last, and its own defaults where
// nothing is said.
func TestCompareHandsOnFlagsOfTheLab(t *testing.T) {
	needBash(t)
	dir := t.TempDir()
	shell(t, t.TempDir(), "compare.sh", "-n", "1", "-s", "100KB", "-o", dir, "--systems", "star", "--runs", "2", "--anyway")
	text, err := os.ReadFile(filepath.Join(dir, "lab.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"runs": 2,`, `--systems`, `--anyway`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in lab.json:\n%s", want, text)
		}
	}
}

// TestScriptsTellWhatTheyDoAndWhatIsWrong: nothing is started either way.
func TestScriptsTellWhatTheyDoAndWhatIsWrong(t *testing.T) {
	needBash(t)
	state := t.TempDir()
	scripts, err := filepath.Glob(filepath.Join("..", "..", "scripts", "*.sh"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		script := filepath.Base(path)
		if script == "lib.sh" {
			continue
		}
		out, status := shellStatus(t, state, script, "--help")
		if status != 0 || !strings.Contains(out, "  scripts/"+script) || strings.Contains(out, "set -") {
			t.Errorf("%s --help: exit status %d\n%s", script, status, out)
		}
	}
	for _, wrong := range [][]string{
		{"compare.sh", "-x"}, {"compare.sh", "-n"}, {"compare.sh", "a", "b"}, {"compare.sh", "-s", "1MiB", "a"}, {"compare.sh", "-n", "0"},
		{"start-peers.sh"}, {"start-peers.sh", "0"}, {"start-peers.sh", "-x", "3"}, {"start-peers.sh", "-o"},
		{"start-central.sh", "--listen", ":0"}, {"stop.sh", "central"}, {"bench-star.sh", "all"}, {"fuzz.sh", "a", "b"}, {"test.sh", "now"},
	} {
		out, status := shellStatus(t, state, wrong[0], wrong[1:]...)
		if status != 2 || !strings.Contains(out, "--help") {
			t.Errorf("%q: exit status %d, want 2 and a word on --help\n%s", wrong, status, out)
		}
	}
}

// TestStartPeersGoesOnWithoutAPeerThatEnds: it says which, and the others get
// the file.
func TestStartPeersGoesOnWithoutAPeerThatEnds(t *testing.T) {
	needBash(t)
	state, dir := t.TempDir(), t.TempDir()
	file := filepath.Join(t.TempDir(), "some file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("mesh"), 300_000), 0o666); err != nil {
		t.Fatal(err)
	}
	defer shell(t, state, "stop.sh")
	// Peer 3 ends as soon as it runs, as one that was killed.
	killed := make(chan error, 1)
	go func() { killed <- killWhenThere(filepath.Join(state, "starmesh-*", "peer-3.pid")) }()
	out, status := shellStatus(t, state, "start-peers.sh", "-o", dir, "4", file, "--no-mdns", "--up", "4mbit")
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"peer-3 has ended; the others go on", "2 of 3 have the verified file", "not all have the file"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not told:\n%s", want, out)
		}
	}
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	for _, peer := range []string{"peer-2", "peer-4"} {
		if err := exec.Command("cmp", file, filepath.Join(dir, peer, "some file")).Run(); err != nil {
			t.Errorf("%s does not have the file: %v", peer, err)
		}
	}
}

// killWhenThere kills the process that a script notes in a file, once it does.
func killWhenThere(pattern string) error {
	for range 3000 {
		if files, _ := filepath.Glob(pattern); len(files) == 1 {
			text, err := os.ReadFile(files[0])
			if fields := strings.Fields(string(text)); err == nil && len(fields) == 2 {
				pid, err := strconv.Atoi(fields[0])
				if err != nil {
					return err
				}
				process, err := os.FindProcess(pid)
				if err != nil {
					return err
				}
				return process.Kill()
			}
		}
		time.Sleep(10 * time.Millisecond) // polling a file that another program writes
	}
	return fmt.Errorf("%s never came", pattern)
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
	for _, want := range []string{"peer-1 ", "peer-3 ", "2 of 2 have the verified file", "scripts/stop.sh"} {
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
