package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// fullDisk is a file to which nothing can be written.
const fullDisk = "/dev/full"

// background runs the program until the test ends, and returns where what it
// prints is.
func background(t *testing.T, dir string, args ...string) (output string) {
	t.Helper()
	output = filepath.Join(t.TempDir(), "out")
	out, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := program(dir, args...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return output
}

// program prepares the program to run in dir, which is its home too.
func program(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("starmesh", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+dir+"/.cache", "XDG_CONFIG_HOME="+dir+"/.config")
	return cmd
}

// said returns a field of the last such event that a program has printed, for
// which it waits.
func said(t *testing.T, output, event, name string) string {
	t.Helper()
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if value, ok := lastField(output, event, name); ok {
			return value
		}
	}
	t.Fatalf("there is no event %s with %s", event, name)
	return ""
}

// TestNoCommandIsDoneWhoseResultIsLost: every command that prints something
// says that it could not be written, and fails.
func TestNoCommandIsDoneWhoseResultIsLost(t *testing.T) {
	if _, err := os.Stat(fullDisk); err != nil {
		t.Skip("there is no " + fullDisk)
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "files"), 0o777), os.WriteFile(filepath.Join(dir, "files", "f"), []byte("hello"), 0o666)); err != nil {
		t.Fatal(err)
	}
	server := background(t, dir, "central", "serve", "files", "--listen", "127.0.0.1:0", "--agent", "127.0.0.1:0", "--writable", "--json")
	node := background(t, dir, "peer", "serve", "files/f", "--no-mdns", "--json", "--load-log", "log.jsonl")
	addr, agent := said(t, server, "listening", "listen"), said(t, server, "agent", "address")
	ticket, log := said(t, node, "ticket", "ticket"), filepath.Join(dir, "log.jsonl")
	lab := []string{"lab", "run", "-n", "1", "-s", "100KB", "--systems", "star", "--anyway", "--quiet", "--out"}
	if out, err := program(dir, append(lab, "lab")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all := map[string][]string{
		"central get": {addr, "f", "-o", "-"}, "central ls": {addr}, "central ping": {addr, "-c", "1"}, "central sockets": {agent},
		"central put": {addr, "log.jsonl", "--json"}, "central watch": {addr}, "central serve": {"files", "--listen", "127.0.0.1:0", "--json"},
		"peer get": {ticket, "-o", "-", "--no-mdns"}, "peer ls": {ticket, "--no-mdns"}, "peer ping": {ticket, "-c", "1", "--no-mdns"},
		"peer id": {"--identity", "node.key"}, "peer key": {"mesh.key", "--json"}, "peer sockets": {agent},
		"peer serve": {"files/f", "--no-mdns"}, "echo serve": {"--listen", "127.0.0.1:0", "--json"},
		"echo send": {said(t, background(t, dir, "echo", "serve", "--listen", "127.0.0.1:0", "--tcp", "--json"), "listening", "address"), "hello"},
		"compare":   {log}, "plan": {"-n", "4", "--size", "1GB", "--origin-up", "1gbit", "--up", "1gbit"},
		"lab run": append(lab[2:], "lab2"), "lab report": {"lab", "--json"}, "lab replay": {"lab", "--json"},
		"get": {"star://" + addr + "/f", "-o", "-", "--no-mdns"}, "push": {log, "--nodes", "1", "--listen", "127.0.0.1:0", "--json"},
		"hash": {log}, "version": nil, "help": nil,
		"completion bash": nil, "completion fish": nil, "completion powershell": nil, "completion zsh": nil,
	}
	want := slices.DeleteFunc(leaves(newRoot(io.Discard)), func(name string) bool {
		return name == "node" || name == "lab node" // their results are their manager's
	})
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Fatalf("the commands are %q, those tried %q", want, got)
	}
	for name, args := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "central watch" {
				go changes(t, filepath.Join(dir, "files", "new"))
			}
			lose(t, program(dir, append(strings.Fields(name), args...)...), strings.HasSuffix(name, "serve") || name == "lab replay" || name == "push")
		})
	}
}

// leaves returns the commands that hold no others, in order.
func leaves(cmd *cobra.Command) []string {
	if !cmd.HasSubCommands() {
		_, name, _ := strings.Cut(cmd.CommandPath(), " ")
		return []string{name}
	}
	var all []string
	for _, sub := range cmd.Commands() {
		all = append(all, leaves(sub)...)
	}
	slices.Sort(all)
	return all
}

// changes makes a server tell its watchers something, until the test ends.
func changes(t *testing.T, file string) {
	for i := 0; t.Context().Err() == nil; i++ {
		_ = os.WriteFile(fmt.Sprint(file, i), nil, 0o666) // the folder goes with the test
		time.Sleep(time.Second)
	}
}

// lose runs a command with a full disk as its standard output. One that goes on
// is stopped when it has said so.
func lose(t *testing.T, cmd *exec.Cmd, goesOn bool) {
	full, err := os.OpenFile(fullDisk, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	cmd.Stdout = full
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(scriptPatience, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer late.Stop()
	var words bytes.Buffer
	for p := make([]byte, 4096); ; {
		n, err := stderr.Read(p)
		words.Write(p[:n])
		if goesOn && strings.Contains(words.String(), "cannot write") {
			_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
			goesOn = false
		}
		if err != nil {
			break
		}
	}
	_ = cmd.Wait() // its status tells
	if status := cmd.ProcessState.ExitCode(); status != 1 {
		t.Errorf("exit status %d (%v), want 1", status, cmd.ProcessState)
	}
	if count := strings.Count(words.String(), "standard output: no space left on device"); count != 1 {
		t.Errorf("it is said %d times, want once:\n%s", count, words.String())
	}
}

// TestAPipeThatNobodyReadsEndsAsUsual: by SIGPIPE and without a word, as the
// shell expects of every command but the last.
func TestAPipeThatNobodyReadsEndsAsUsual(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE")
	}
	needBash(t)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "(sleep 0.2; starmesh completion bash; echo $? >&2) | :")
	out, err := cmd.CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "141" {
		t.Errorf("it says %q, %v; want the status 141 alone", got, err)
	}
}
