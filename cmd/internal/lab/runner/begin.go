package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/common/fault"
	"starmesh/common/load"
)

const (
	// readyTime is what all nodes of a run together have to get ready, and
	// readyEach what each of them has besides.
	readyTime = 30 * time.Second
	readyEach = 2 * time.Second
	// lastWords is how long after its agent's last sign of life a process may
	// take to be gone.
	lastWords = time.Second
)

// startNodes starts the origin and then the receivers, and returns when all
// are ready and their agents answer.
func (r *run) startNodes(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime+time.Duration(len(r.nodes))*readyEach,
		errors.New("it takes too long to get ready"))
	defer cancel()
	if err := r.bringUp(ctx, r.nodes[0], false); err != nil {
		return err
	}
	for _, n := range r.nodes[1:] {
		if err := r.start(n, false); err != nil {
			return err
		}
	}
	waiting, ctx := errgroup.WithContext(ctx)
	for _, n := range r.nodes[1:] {
		waiting.Go(func() error {
			err := r.ready(ctx, n, false)
			if err == nil {
				err = n.ask(ctx, "/load", new(load.Report))
			}
			if err != nil && n.elsewhere() && context.Cause(ctx) != context.Canceled {
				p, _ := n.running()
				if p.Alive() {
					r.timeline.note(n.name, "it did not get ready: %v", err)
				}
				p.Kill()
				return nil // the others go on, as above
			}
			return err
		})
	}
	return waiting.Wait()
}

// bringUp starts a node and waits until it is ready.
func (r *run) bringUp(ctx context.Context, n *node, again bool) error {
	if err := r.start(n, again); err != nil {
		return err
	}
	return r.ready(ctx, n, again)
}

// start starts a node's process.
func (r *run) start(n *node, again bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.ending.over.Load() {
		return fault.Wrapf(fault.Closed, "%s is not started: the run %s is over", n.name, r.Name())
	}
	n.starts++
	b, err := n.place.Spawn(r.spec(n, again), r.file(n))
	if err != nil && n.elsewhere() {
		b, err = absent{err}, nil // the others go on: why is seen when it is polled
	}
	if err != nil {
		return err
	}
	n.process, n.purpose = Follow(n.name, b), ""
	return nil
}

// ready waits until a node has told what others need to know of it.
func (r *run) ready(ctx context.Context, n *node, again bool) error {
	p, _ := n.running()
	var agent struct{ Address string }
	if _, err := p.Await(ctx, AgentEvent, &agent); err != nil {
		return err
	}
	n.mu.Lock()
	n.agent = agent.Address
	n.mu.Unlock()
	if err := r.ways.learn(ctx, &r.System.Launch, n, p); err != nil {
		return err
	}
	if !n.receiver() || again {
		return nil
	}
	_, err := p.Await(ctx, HeldEvent, nil)
	return err
}

// release lets all receivers begin at once. The clock of the run starts.
func (r *run) release(ctx context.Context) error {
	r.book.Began = time.Now()
	r.timeline.begin(r.book.Began)
	starting, ctx := errgroup.WithContext(ctx)
	for _, n := range r.nodes[1:] {
		n.progress = r.book.Began
		starting.Go(func() error {
			if err := n.command(ctx, StartCommand); err != nil && !n.endsWithin(ctx, lastWords) {
				return fmt.Errorf("%s could not be told to start: %w", n.name, err)
			}
			return nil // or it began and ended before it could answer: why is seen when it is polled
		})
	}
	return starting.Wait()
}
