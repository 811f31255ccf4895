package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/common/fault"
	"starmesh/common/load"
)

const (
	// readyTime is what all nodes of a trial together have to get ready, and
	// readyEach what each of them has besides.
	readyTime = 30 * time.Second
	readyEach = 2 * time.Second
	// lastWords is how long after its agent's last sign of life a process may
	// take to be gone.
	lastWords = time.Second
)

// startNodes starts the origin and then the receivers, and returns when all
// are ready and their agents answer.
func (t *trial) startNodes(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime+time.Duration(len(t.nodes))*readyEach,
		errors.New("it takes too long to get ready"))
	defer cancel()
	if err := t.bringUp(ctx, t.nodes[0], false); err != nil {
		return err
	}
	for _, n := range t.nodes[1:] {
		if err := os.MkdirAll(t.folderOf(n), 0o777); err != nil {
			return fmt.Errorf("no folder for %s: %w", n.name, err)
		}
		if err := t.start(n, false); err != nil {
			return err
		}
	}
	waiting, ctx := errgroup.WithContext(ctx)
	for _, n := range t.nodes[1:] {
		waiting.Go(func() error {
			if err := t.ready(ctx, n, false); err != nil {
				return err
			}
			return n.ask(ctx, "/load", new(load.Report))
		})
	}
	return waiting.Wait()
}

// bringUp starts a node and waits until it is ready.
func (t *trial) bringUp(ctx context.Context, n *node, again bool) error {
	if err := t.start(n, again); err != nil {
		return err
	}
	return t.ready(ctx, n, again)
}

// start starts a node's process.
func (t *trial) start(n *node, again bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.ending.over.Load() {
		return fault.Wrapf(fault.Closed, "%s is not started: the trial %s is over", n.name, t.Name())
	}
	n.starts++
	file := t.file(n)
	p, err := StartProcess(ProcessConfig{
		Program: t.cfg.Program, Name: n.name, Errors: file + ".err",
		Args: t.commandLine(n, file+".jsonl", again), Start: n.place.Start,
	})
	if err != nil {
		return err
	}
	n.process, n.purpose = p, ""
	return nil
}

// ready waits until a node has told what others need to know of it.
func (t *trial) ready(ctx context.Context, n *node, again bool) error {
	p, _ := n.running()
	var agent struct{ Address string }
	if _, err := p.Await(ctx, AgentEvent, &agent); err != nil {
		return err
	}
	n.mu.Lock()
	n.agent = agent.Address
	n.mu.Unlock()
	if err := t.ways.learn(ctx, &t.System.Run, n, p); err != nil {
		return err
	}
	if !n.receiver() || again {
		return nil
	}
	_, err := p.Await(ctx, HeldEvent, nil)
	return err
}

// release lets all receivers begin at once. The clock of the trial starts.
func (t *trial) release(ctx context.Context) error {
	t.book.Began = time.Now()
	t.timeline.begin(t.book.Began)
	starting, ctx := errgroup.WithContext(ctx)
	for _, n := range t.nodes[1:] {
		n.progress = t.book.Began
		starting.Go(func() error {
			if err := n.command(ctx, StartCommand); err != nil && !n.endsWithin(ctx, lastWords) {
				return fmt.Errorf("%s could not be told to start: %w", n.name, err)
			}
			return nil // or it began and ended before it could answer: why is seen when it is polled
		})
	}
	return starting.Wait()
}
