package runner

import (
	"context"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// control is what may be done to the nodes of a run.
type control struct {
	run *run
	// how tells who does it: on purpose, as planned before the run, or by
	// hand. A receiver that somebody ends by hand need not get the file.
	how string
}

const (
	onPurpose = "on purpose"
	byHand    = "by hand"
)

// find returns the node of that name.
func (c *control) find(name string) (*node, error) {
	for _, n := range c.run.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fault.Wrapf(fault.NotFound, "the run %s has no node %q", c.run.Name(), name)
}

// Stop ends a node in good order.
func (c *control) Stop(_ context.Context, name string) error {
	n, err := c.find(name)
	if err != nil {
		return err
	}
	c.end(n, "stopped "+c.how, false)
	return nil
}

// Kill ends a node without asking.
func (c *control) Kill(_ context.Context, name string) error {
	n, err := c.find(name)
	if err != nil {
		return err
	}
	c.end(n, "killed "+c.how, true)
	return nil
}

// end ends a node's process, if it runs, and tells of it.
func (c *control) end(n *node, purpose string, kill bool) {
	n.mu.Lock()
	p := n.process
	alive := p.Alive()
	if alive {
		n.purpose, n.byHand = purpose, c.how == byHand
	}
	n.mu.Unlock()
	if !alive {
		return
	}
	did := labdir.Stopped
	if kill {
		did = labdir.Killed
		p.Kill()
		<-p.Ended()
	} else {
		p.End(endTime)
	}
	c.run.timeline.fault(n.name, did, purpose)
	if c.how == byHand {
		c.run.doubt("%s was %s: the time is not that of an undisturbed run", n.name, purpose)
	}
}

// Restart starts a node again.
func (c *control) Restart(ctx context.Context, name string) error {
	n, err := c.find(name)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.restarting = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.restarting = false
		n.mu.Unlock()
	}()
	c.end(n, "killed "+c.how+", to start again", true)
	if err := c.run.bringUp(ctx, n, true); err != nil {
		return err
	}
	c.run.timeline.fault(n.name, labdir.Started, "started again")
	return nil
}

// Conclude ends the run.
func (c *control) Conclude(why string) { c.run.giveUp(why) }

// under returns the control of the run of that name, if it is under way.
func (m *Manager) under(run string) (*control, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil || m.now.Name() != run {
		return nil, fault.Wrapf(fault.NotFound, "the run %s is not under way", run)
	}
	return &control{m.now, byHand}, nil
}

// Do does to a node of a run what a person asks for: stop, kill or start.
func (m *Manager) Do(ctx context.Context, run, node, action string) error {
	c, err := m.under(run)
	if err != nil {
		return err
	}
	switch action {
	case "stop":
		return c.Stop(ctx, node)
	case "kill":
		return c.Kill(ctx, node)
	case "start":
		return c.Restart(ctx, node)
	}
	return fault.Wrapf(fault.Invalid, "there is no action %q: stop, kill or start", action)
}

// Sockets asks a node of a run for its sockets.
func (m *Manager) Sockets(ctx context.Context, run, node string) ([]load.SocketRow, error) {
	c, err := m.under(run)
	if err != nil {
		return nil, err
	}
	n, err := c.find(node)
	if err != nil {
		return nil, err
	}
	var rows []load.SocketRow
	err = n.ask(ctx, "/sockets", &rows)
	return rows, err
}
