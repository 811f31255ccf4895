package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/common/fault"
)

// ProcessConfig says what is started.
type ProcessConfig struct {
	Program string   // the file of the program
	Name    string   // of the node, for errors
	Errors  string   // the file for what it writes to standard error; removed if that is nothing
	Args    []string // without DieFlag and --json, which are added
	// Start starts the command where the node is to live; nil: here.
	Start func(*exec.Cmd) error
}

// A Body is a process that was started, wherever that was.
type Body interface {
	// Read reads what the process writes to its standard output, to the end.
	io.Reader
	// Stop asks it to end in good order. It does not wait.
	Stop()
	// Kill ends it without asking. It does not wait.
	Kill()
	// Wait is called once, when all was read. It returns what the process has
	// failed with, and when nothing of it is left.
	Wait() error
}

// A Process is a node that was started. End must be called.
type Process struct {
	name   string
	body   Body
	events *events

	stop  sync.Once
	ended chan struct{} // closed when the process has ended and all it said was read
	err   error         // of the process; valid after ended
}

// Follow makes a process of the node called name, whose events are read until
// it ends.
func Follow(name string, b Body) *Process {
	p := &Process{name: name, body: b, events: newEvents(), ended: make(chan struct{})}
	go func() {
		p.events.read(b)
		p.err = b.Wait()
		p.events.close()
		close(p.ended)
	}()
	return p
}

// spawned is a process on this machine.
type spawned struct {
	io.Reader
	cmd    *exec.Cmd
	stdin  io.Closer
	errors *os.File
}

// Spawn starts a process on this machine.
func Spawn(cfg ProcessConfig) (Body, error) {
	cmd := exec.Command(cfg.Program, append(cfg.Args, "--json", "--"+DieFlag)...)
	cmd.Env = cli.WithoutSettings(os.Environ(), agent.TokenVariable)
	apart(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", cfg.Name, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start %s: %w", cfg.Name, err), stdin.Close())
	}
	s := &spawned{Reader: stdout, cmd: cmd, stdin: stdin}
	if s.errors, err = os.Create(cfg.Errors); err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	cmd.Stderr = s.errors
	start := cfg.Start
	if start == nil {
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot start %s: %w", cfg.Name, err),
			stdin.Close(), stdout.Close(), s.closeErrors())
	}
	return s, nil
}

func (s *spawned) Stop()       { _ = s.stdin.Close() }      // fails only if the process has ended
func (s *spawned) Kill()       { _ = s.cmd.Process.Kill() } // fails only if the process has ended
func (s *spawned) Wait() error { return errors.Join(s.cmd.Wait(), s.closeErrors()) }

// closeErrors lets go of the file of errors, and removes it if it is empty.
func (s *spawned) closeErrors() error {
	name := s.errors.Name()
	err := s.errors.Close()
	if info, statErr := os.Stat(name); statErr == nil && info.Size() == 0 {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Alive reports whether the process has not ended yet.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Err says what an ended process has failed with, in its own words where it
// gave any; nil if it did what it was asked, and while it runs.
func (p *Process) Err() error {
	if p.Alive() || p.err == nil {
		return nil
	}
	var told struct{ Error string }
	if _, ok := p.events.last(ErrorEvent, &told); ok && told.Error != "" {
		return fault.Wrapf(fault.Closed, "%s ended: %s", p.name, told.Error)
	}
	return fmt.Errorf("%s ended: %w", p.name, p.err)
}

// Await waits for an event of that name, decodes its fields into into unless
// that is nil, and tells when it came. It fails when the process ends without.
func (p *Process) Await(ctx context.Context, event string, into any) (time.Time, error) {
	for {
		changed := p.events.changed()
		if at, ok := p.events.last(event, into); ok {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s has not told of %q: %w", p.name, event, context.Cause(ctx))
		case <-p.ended:
			if at, ok := p.events.last(event, into); ok {
				return at, nil
			}
			if err := p.Err(); err != nil {
				return time.Time{}, err
			}
			return time.Time{}, fault.Wrapf(fault.Closed, "%s ended before it told of %q", p.name, event)
		case <-changed:
		}
	}
}

// Told returns the time of the last event of that name, if there was one.
func (p *Process) Told(event string, into any) (time.Time, bool) {
	return p.events.last(event, into)
}

// Stop asks the process to end in good order. It does not wait.
func (p *Process) Stop() {
	p.stop.Do(p.body.Stop)
}

// Kill ends the process without asking. It does not wait.
func (p *Process) Kill() { p.body.Kill() }

// End stops the process, kills it if it has not ended after grace, and waits
// for its end. killed tells that it had to be.
func (p *Process) End(grace time.Duration) (killed bool) {
	p.Stop()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
		return false
	case <-timer.C:
	}
	p.Kill()
	<-p.ended
	return true
}
