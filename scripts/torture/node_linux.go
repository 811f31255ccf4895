package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// event is a line that the program prints with --json.
type event struct {
	Event, Address, HTTP, Listen, Error, Kind, Name, Path, Ticket, ID string
	Addresses                                                         []string
	Size                                                              int64
	Files                                                             int
	Kept                                                              int64 `json:"kept_bytes"`
}

// node is one command of the program, or another program, which may be
// started again after its end. Only one goroutine, the round's, calls its
// methods.
type node struct {
	r    *round
	name string
	argv []string
	attr *syscall.SysProcAttr
	runs []*run
}

// run is one process of a node.
type run struct {
	cmd   *exec.Cmd
	since time.Time
	base  string        // its files are this with .out, .err and .jsonl
	done  chan struct{} // closed when it has ended
	err   error         // how, then
	mu    sync.Mutex
	told  []event
	fresh chan struct{} // closed and replaced when one more is told
}

// start runs a command of the program.
func (r *round) start(name string, args ...string) *node {
	return r.startIn(nil, nil, name, append([]string{r.bin}, args...)...)
}

// startIn runs any command, on an island or (nil) where we are.
func (r *round) startIn(where *island, attr *syscall.SysProcAttr, name string, argv ...string) *node {
	if attr == nil {
		attr = new(syscall.SysProcAttr)
	}
	attr.Setpgid = true // a Ctrl-C at the terminal is not for the nodes
	if r.home.closed != "" {
		attr.Pdeathsig = syscall.SIGKILL // in a house the kernel sees to it
	}
	for slices.ContainsFunc(r.nodes, func(n *node) bool { return n.name == name }) {
		name += "+"
	}
	n := &node{r: r, name: name, argv: where.within(argv...), attr: attr}
	r.nodes = append(r.nodes, n)
	n.again()
	return n
}

// limited is the command line that runs another one under a limit of bash's
// ulimit.
func limited(limit string, argv ...string) []string {
	return append([]string{"bash", "-c", "ulimit " + limit + ` && exec "$@"`, "bash"}, argv...)
}

// again starts the command, for the first time or once more.
func (n *node) again() {
	base := filepath.Join(n.r.dir, n.name)
	if len(n.runs) > 0 {
		base = fmt.Sprintf("%s.%d", base, len(n.runs)+1)
	}
	p := &run{since: time.Now(), base: base, done: make(chan struct{}), fresh: make(chan struct{})}
	argv := n.argv
	for i, a := range argv {
		if a == loadLog {
			argv = append(argv[:i:i], append([]string{"--load-log", base + ".jsonl", "--load-interval", "50ms"}, argv[i+1:]...)...)
		}
	}
	n.r.logf("start %s: %s", filepath.Base(base), strings.Join(argv, " "))
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.SysProcAttr = n.attr
	p.cmd.Env = append(os.Environ(), "HOME="+n.r.dir, "XDG_CONFIG_HOME="+n.r.dir, "XDG_CACHE_HOME="+n.r.dir)
	n.runs = append(n.runs, p)
	if err := p.begin(); err != nil {
		p.err = err
		close(p.done)
	}
}

// loadLog among the arguments stands for a load log of each run.
const loadLog = "--LOAD-LOG"

func (p *run) begin() error {
	stderr, err := os.Create(p.base + ".err")
	if err != nil {
		return err
	}
	defer stderr.Close() // the process has its own
	stdout, err := os.Create(p.base + ".out")
	if err != nil {
		return err
	}
	p.cmd.Stderr = stderr
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, stdout.Close())
	}
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, stdout.Close())
	}
	go func() {
		defer close(p.done)
		p.listen(io.TeeReader(pipe, stdout))
		p.err = errors.Join(p.cmd.Wait(), stdout.Close())
	}()
	return nil
}

// listen takes what is told until the end.
func (p *run) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		p.mu.Lock()
		p.told = append(p.told, e)
		close(p.fresh)
		p.fresh = make(chan struct{})
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, out) // a line too long for the scanner
}

func (n *node) last() *run { return n.runs[len(n.runs)-1] }

func (n *node) pid() int {
	if p := n.last().cmd.Process; p != nil {
		return p.Pid
	}
	return 0
}

// ended says whether the last process has ended.
func (n *node) ended() bool {
	select {
	case <-n.last().done:
		return true
	default:
		return false
	}
}

// event waits until the last process tells the kind.
func (n *node) event(kind string) (event, error) {
	p := n.last()
	for {
		p.mu.Lock()
		told, fresh := p.told, p.fresh
		p.mu.Unlock()
		for _, e := range told {
			if e.Event == kind {
				return e, nil
			}
		}
		select {
		case <-fresh:
		case <-p.done:
			if len(p.events()) == len(told) {
				return event{}, fmt.Errorf("%s ended (%v) and never told %q: %s", n.name, p.err, kind, p.complaint())
			}
		case <-n.r.ctx.Done():
			return event{}, fmt.Errorf("%s has not told %q: %w", n.name, kind, n.r.ctx.Err())
		}
	}
}

func (p *run) events() []event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// complaint is the last that stderr says.
func (p *run) complaint() string {
	text, _ := os.ReadFile(p.base + ".err") // none is none
	text = bytes.TrimSpace(text)
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}

// wait waits for the end, so long at most, and returns the exit status (-1:
// by a signal).
func (n *node) wait(longest time.Duration) (int, error) {
	p, since := n.last(), time.Now()
	longest = n.r.hang(longest)
	select {
	case <-p.done:
	case <-time.After(longest):
		return 0, fmt.Errorf("%s has not ended after %v", n.name, longest)
	case <-n.r.ctx.Done():
		return 0, fmt.Errorf("%s has not ended after %.1f s: %w", n.name, time.Since(since).Seconds(), n.r.ctx.Err())
	}
	if p.cmd.ProcessState == nil {
		return 0, p.err
	}
	n.r.logf("%s: %v", n.name, p.cmd.ProcessState)
	return p.cmd.ProcessState.ExitCode(), nil
}

// succeeds waits for an end without complaint.
func (n *node) succeeds(longest time.Duration) error {
	status, err := n.wait(longest)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s: exit status %d: %s", n.name, status, n.last().complaint())
	}
	return err
}

func (n *node) signal(sig syscall.Signal) {
	n.r.logf("signal to %s: %v", n.name, sig)
	_ = n.last().cmd.Process.Signal(sig) // one that has ended has no need of it
}

// kill ends it as a crash does.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	n.r.count("kills", 1)
	<-n.last().done
}

// stop asks a node that would go on to end, which it must within its time of
// grace and without complaint.
func (n *node) stop() error {
	if n.ended() {
		return fmt.Errorf("%s has ended by itself (%v): %s", n.name, n.last().err, n.last().complaint())
	}
	n.settle()
	n.signal(syscall.SIGINT)
	return n.succeeds(15 * time.Second)
}

// settle waits until the process is old enough to have an ear for signals.
func (n *node) settle() { n.r.sleep(300*time.Millisecond - time.Since(n.last().since)) }

// record is a line of a load log, as far as it is looked at.
type record struct {
	PayloadIn  int64   `json:"payload_in_bytes"`
	PayloadOut int64   `json:"payload_out_bytes"`
	AgainIn    int64   `json:"again_in_bytes"`
	ChunksBad  int64   `json:"chunks_bad"`
	RSS        int64   `json:"rss_bytes"`
	Goroutines int64   `json:"goroutines"`
	FDs        int64   `json:"fds"`
	CPU        float64 `json:"cpu_seconds"`
	Transfers  []struct {
		ID   string `json:"id"`
		Size int64  `json:"size_bytes"`
		Have int64  `json:"have_bytes"`
	}
}

// carried is the last whole line of a run's load log.
func (p *run) carried() (record, error) {
	text, err := os.ReadFile(p.base + ".jsonl")
	if err != nil {
		return record{}, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	var rec record
	if err := json.Unmarshal(lines[len(lines)-1], &rec); err != nil {
		return record{}, fmt.Errorf("%s.jsonl: %w", p.base, err)
	}
	return rec, nil
}
