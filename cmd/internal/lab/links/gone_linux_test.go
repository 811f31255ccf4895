package links_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/links"
)

// manage is a manager of two nodes. It says the namespaces they are in and the
// processes they are, and waits for its end. The nodes end with it.
func manage() error {
	n, err := links.Open(links.Netns, []links.Rates{{Up: 1e6}, {Down: 1e6}}, 0)
	if err != nil {
		return err
	}
	var m managed
	for i := range 2 {
		node := exec.Command(os.Args[0])
		node.Env = append(os.Environ(), "LINKS_TEST_PART=sink", "LINKS_TEST_HOST="+n.Place(i).Host())
		if _, err := node.StdinPipe(); err != nil { // closes with this process
			return err
		}
		if err := n.Place(i).Start(node); err != nil {
			return err
		}
		m.Processes = append(m.Processes, node.Process.Pid)
	}
	if m.Namespaces, err = opened(); err != nil {
		return err
	}
	if err := say(m); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

type managed struct {
	Namespaces []string
	Processes  []int
}

// opened names the network namespaces this process has open.
func opened() ([]string, error) {
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		if name, err := os.Readlink(f); err == nil && strings.HasPrefix(name, "net:[") {
			names = append(names, name)
		}
	}
	return names, nil
}

// held returns who still holds one of the namespaces: a thread in it, an open
// descriptor, a mount. What nobody holds the kernel removes.
func held(t *testing.T, namespaces []string) (who []string) {
	t.Helper()
	for _, pattern := range []string{"/proc/[0-9]*/task/*/ns/net", "/proc/[0-9]*/fd/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if name, err := os.Readlink(f); err == nil && slices.Contains(namespaces, name) {
				who = append(who, f)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range namespaces {
		if strings.Contains(string(mounts), name) {
			who = append(who, "a mount of "+name)
		}
	}
	return who
}

// waitUntilFree waits until nobody holds the namespaces, for ten seconds at
// the most: the kernel ends processes when it comes to it.
func waitUntilFree(t *testing.T, namespaces []string) {
	t.Helper()
	var who []string
	for range 1000 {
		if who = held(t, namespaces); len(who) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("namespaces are still held by %q", who)
}

func TestNothingIsLeftWhenTheManagerIsKilled(t *testing.T) {
	needNetns(t)
	before := interfaces(t)
	manager := exec.Command(os.Args[0])
	manager.Env = append(os.Environ(), "LINKS_TEST_PART=manage")
	manager.Stderr = os.Stderr
	stdin, err := manager.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := manager.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.Start(); err != nil {
		t.Fatal(err)
	}
	var m managed
	hear(t, bufio.NewScanner(stdout), &m)
	if len(m.Namespaces) != 3 || len(held(t, m.Namespaces)) < 5 { // of the hub and two nodes; and the nodes are in two
		t.Errorf("the manager holds %q", m.Namespaces)
	}
	if err := manager.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = manager.Wait() // it was killed
	waitUntilFree(t, m.Namespaces)
	for _, pid := range m.Processes {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil && alive(pid) {
			t.Errorf("node %d lives on", pid)
		}
	}
	if after := interfaces(t); after != before {
		t.Errorf("links of this machine: %s, before %s", after, before)
	}
}

// alive reports whether a process runs, and is not only waiting to be buried.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestNothingIsLeftWhenANetworkIsClosed(t *testing.T) {
	needNetns(t)
	n, err := links.Open(links.Netns, []links.Rates{{Up: 1e6}, {Down: 1e6}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	made, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	waitUntilFree(t, made)
}

func TestNothingIsLeftWhenANetworkCannotBeMade(t *testing.T) {
	needNetns(t)
	before, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := links.Open(links.Netns, make([]links.Rates, 2000), 0); err == nil {
		t.Errorf("2000 nodes on one bridge: %v", n)
	}
	after, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("open are %q, before %q", after, before)
	}
}
