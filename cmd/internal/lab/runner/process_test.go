package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/fault"
)

// The test program is the node as well, and the manager that is killed: the
// variable says which.
const process = "TEST_STARMESH_ACTOR"

// act plays a node. Its first argument is the address of the test, to which it
// holds a connection as long as it lives.
func act(play string) int {
	conn, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	defer conn.Close()
	switch play {
	case "node":
		fmt.Println("not an event")
		fmt.Printf(`{"event":"agent","address":"127.0.0.1:7","flags":%d,"process":%d}`+"\n", len(os.Args), os.Getpid())
		_, _ = io.Copy(io.Discard, os.Stdin)
		fmt.Println(`{"event":"done"}`)
		return 0
	case "failing":
		fmt.Println(`{"event":"error","error":"the disk is full","kind":"no-space"}`)
		fmt.Fprintln(os.Stderr, "the disk is full")
		return 1
	case "hanging":
		fmt.Println(`{"event":"agent","address":"x"}`)
		select {}
	case "manager":
		return manage(conn, nil)
	case "freezing manager":
		return manage(conn, freeze)
	}
	return 9
}

// manage starts a node, does something to it, says so to the test, and waits
// to be killed.
func manage(test net.Conn, do func(*runner.Process) error) int {
	os.Setenv(process, "node")
	dir, err := os.MkdirTemp("", "launch")
	if err != nil {
		return 9
	}
	defer os.RemoveAll(dir)
	node, err := startProcess(runner.ProcessConfig{Program: os.Args[0], Name: "node", Errors: filepath.Join(dir, "node.err"), Args: os.Args[1:2]})
	if err == nil && do != nil {
		err = do(node)
	}
	if err == nil {
		_, err = test.Write([]byte{1})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	select {}
}

// freeze stops a process as Ctrl-Z does, but for good.
func freeze(node *runner.Process) error {
	var told struct{ Process int }
	if _, err := node.Await(context.Background(), runner.AgentEvent, &told); err != nil {
		return err
	}
	return exec.Command("kill", "-STOP", strconv.Itoa(told.Process)).Run()
}

// stage is where actors are started and seen to be alive.
type stage struct {
	t   *testing.T
	dir string
	ln  net.Listener
}

func newStage(t *testing.T, play string) *stage {
	t.Setenv(process, play)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return &stage{t, t.TempDir(), ln}
}

func (s *stage) errors() string { return filepath.Join(s.dir, "n.err") }

func (s *stage) start() *runner.Process {
	s.t.Helper()
	p, err := startProcess(runner.ProcessConfig{
		Program: os.Args[0], Name: "n", Errors: s.errors(), Args: []string{s.ln.Addr().String()},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { p.End(0) })
	return p
}

// alive returns the connection that an actor holds as long as it lives.
func (s *stage) alive() net.Conn {
	s.t.Helper()
	conn, err := s.ln.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// gone waits until the actor at the other end lives no more.
func gone(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the process still lives")
	}
}

func TestANodeTellsOfEventsAndEndsWhenItsInputIsClosed(t *testing.T) {
	p := newStage(t, "node").start()
	var told struct {
		Address string
		Flags   int
	}
	at, err := p.Await(t.Context(), runner.AgentEvent, &told)
	if err != nil {
		t.Fatal(err)
	}
	if told.Address != "127.0.0.1:7" || told.Flags != 4 || time.Since(at) > time.Minute {
		t.Errorf("told %+v at %v", told, at)
	}
	if p.End(10 * time.Second) {
		t.Error("it had to be killed")
	}
	if _, ok := p.Told(runner.DoneEvent, nil); !ok {
		t.Error("what it said last was lost")
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

func TestANodeIsToldToSpeakJSONAndToEndWithItsManager(t *testing.T) {
	s := newStage(t, "node")
	var line []string
	p, err := startProcess(runner.ProcessConfig{
		Program: os.Args[0], Name: "n", Errors: s.errors(), Args: []string{s.ln.Addr().String(), "more"},
		Start: func(cmd *exec.Cmd) error { line = cmd.Args; return cmd.Start() },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.End(10 * time.Second)
	if want := []string{"more", "--json", "--" + runner.DieFlag}; !slices.Equal(line[2:], want) {
		t.Errorf("started with %q, not %q", line[2:], want)
	}
}

func TestANodeThatFailsSaysWhy(t *testing.T) {
	s := newStage(t, "failing")
	p := s.start()
	_, err := p.Await(t.Context(), runner.AgentEvent, nil)
	if err == nil || !strings.Contains(err.Error(), "n ended: the disk is full") || !errors.Is(err, fault.Closed) {
		t.Errorf("error %v", err)
	}
	text, err := os.ReadFile(s.errors())
	if err != nil || string(text) != "the disk is full\n" {
		t.Errorf("errors: %q, %v", text, err)
	}
}

func TestANodeThatSaysNothingWrongLeavesNoFileOfErrors(t *testing.T) {
	s := newStage(t, "node")
	s.start().End(10 * time.Second)
	if _, err := os.Stat(s.errors()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestANodeThatHangsIsKilled(t *testing.T) {
	s := newStage(t, "hanging")
	p := s.start()
	conn := s.alive()
	if !p.End(10 * time.Millisecond) {
		t.Error("it ended by itself")
	}
	if p.Alive() {
		t.Error("it lives")
	}
	gone(t, conn)
	if p.Err() == nil {
		t.Error("that it was killed is no error")
	}
}

func TestNobodyWaitsLongerThanTheContext(t *testing.T) {
	p := newStage(t, "hanging").start()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errors.New("too slow"))
	defer cancel()
	if _, err := p.Await(ctx, runner.DoneEvent, nil); err == nil || !strings.Contains(err.Error(), `n has not told of "done": too slow`) {
		t.Error(err)
	}
}

func TestNoNodeOutlivesAManagerThatIsKilled(t *testing.T) {
	managerIsKilled(t, "manager")
}

func managerIsKilled(t *testing.T, play string) {
	s := newStage(t, play)
	manager := s.start()
	hers, nodes := s.alive(), s.alive() // she calls before she starts a node
	if _, err := io.ReadFull(hers, make([]byte, 1)); err != nil {
		t.Fatalf("the manager has no node: %v", err)
	}
	manager.Kill()
	<-manager.Ended()
	gone(t, hers)
	gone(t, nodes)
}

func TestWhatCannotBeStartedIsAnError(t *testing.T) {
	dir := t.TempDir()
	_, err := startProcess(runner.ProcessConfig{Program: filepath.Join(dir, "none"), Name: "n", Errors: filepath.Join(dir, "n.err")})
	if err == nil || !strings.Contains(err.Error(), "cannot start n") {
		t.Error(err)
	}
}

// startProcess starts a process on this machine and follows it.
func startProcess(cfg runner.ProcessConfig) (*runner.Process, error) {
	b, err := runner.Spawn(cfg)
	if err != nil {
		return nil, err
	}
	return runner.Follow(cfg.Name, b), nil
}
