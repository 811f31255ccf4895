package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/links"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/units"
)

// trial is one that is under way.
type trial struct {
	cfg *Config
	scenario.Run
	dir      string
	network  *links.Network
	nodes    []*node // the origin first
	trouble  Trouble // nil: nothing is to go wrong
	timeline *timeline
	ways     ways       // how receivers reach the origin
	doubts   sync.Mutex // guards book.Doubts
	book     labdir.Run
	ending   ending
}

// ending is why a trial ends before all have the file, and whether it has come
// to its end.
type ending struct {
	once sync.Once
	now  chan struct{}
	why  string      // valid after now is closed
	over atomic.Bool // no process is started any more
}

// open makes the trial's folder and its network.
func open(cfg *Config, what scenario.Run) (*trial, error) {
	t := &trial{cfg: cfg, Run: what, dir: labdir.RunDir(cfg.Dir, what.Name()), ending: ending{now: make(chan struct{})}}
	if err := os.MkdirAll(t.received(), 0o777); err != nil {
		return nil, fmt.Errorf("cannot make the folder of the trial: %w", err)
	}
	if cfg.Trouble != nil {
		var err error
		if t.trouble, err = cfg.Trouble(what); err != nil {
			return nil, err
		}
	}
	for i, name := range what.Nodes() {
		n := &node{name: name, index: i, shape: Shape{Link: what.Rate(i)}}
		if t.trouble != nil {
			n.shape = t.trouble.Shape(i, name, n.shape.Link)
		}
		t.nodes = append(t.nodes, n)
	}
	if err := t.connect(); err != nil {
		return nil, err
	}
	t.book = t.newBook()
	var err error
	if t.timeline, err = newTimeline(t.dir, what.Name(), cfg.Watch.Event); err != nil {
		return nil, errors.Join(err, t.network.Close())
	}
	t.timeline.add(labdir.Event{Begin: t.beginning()})
	return t, nil
}

// connect gives every node its place.
func (t *trial) connect() (err error) {
	rates := make([]links.Rates, len(t.nodes))
	for i, n := range t.nodes {
		rates[i] = links.Rates{Up: units.Rate(n.shape.Link.Up), Down: units.Rate(n.shape.Link.Down)}
	}
	if t.network, err = links.Open(t.cfg.Links, rates); err != nil {
		return err
	}
	for i, n := range t.nodes {
		n.place = t.network.Place(i)
	}
	return nil
}

// received is the folder of the copies, one folder a receiver.
func (t *trial) received() string { return filepath.Join(t.dir, labdir.ReceivedDir) }

// copyOf is where a receiver puts the file.
func (t *trial) copyOf(n *node) string {
	return filepath.Join(t.received(), n.name, filepath.Base(t.cfg.File.Path))
}

// bound is the least possible distribution time in seconds, over the links as
// they are with what is wrong with them; 0: no link has a limit.
func (t *trial) bound() float64 {
	l := t.Links()
	for i, n := range t.nodes {
		link := n.shape.Link.Limits()
		if n.shape.NoUplink {
			link.Up = 0
		}
		if i == 0 {
			l.Origin = link.Up
			continue
		}
		l.Up[i-1], l.Down[i-1] = link.Up, link.Down
	}
	return t.BoundOver(l)
}

// patience is how long nothing may arrive anywhere before the trial is given
// up.
func (t *trial) patience() time.Duration {
	if t.cfg.Stall > 0 {
		return t.cfg.Stall
	}
	const least = time.Minute
	return max(least, time.Duration(5*t.bound()*float64(time.Second)))
}

// perform does everything up to the comparison of the files; the nodes are
// still there then. released is called when the receivers have begun.
func (t *trial) perform(ctx context.Context, released func()) error {
	if err := t.startNodes(ctx); err != nil {
		return err
	}
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	cpu := make(chan labdir.CPU, 1)
	t.countLinks(-1)
	if err := t.release(ctx); err != nil {
		return err
	}
	released()
	go func() { cpu <- WatchCPU(watching) }()
	t.follow(ctx)
	t.countLinks(1)
	unwatch()
	t.book.CPU = <-cpu
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return t.verify(ctx)
}

// giveUp ends the trial, whoever still lacks the file.
func (t *trial) giveUp(why string) {
	t.ending.once.Do(func() {
		t.ending.why = why
		close(t.ending.now)
	})
}
