package runner

import (
	"cmp"
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

// run is one that is under way.
type run struct {
	cfg *Config
	scenario.Run
	dir      string
	network  network
	nodes    []*node // the origin first
	faults   Faults  // nil: nothing is to go wrong
	timeline *timeline
	ways     ways       // how receivers reach the origin
	doubts   sync.Mutex // guards book.Doubts
	book     labdir.Run
	ending   ending
}

// ending is why a run ends before all have the file, and whether it has come
// to its end.
type ending struct {
	once sync.Once
	now  chan struct{}
	why  string      // valid after now is closed
	over atomic.Bool // no process is started any more
}

// open makes the run's folder and its network.
func open(cfg *Config, what scenario.Run) (*run, error) {
	r := &run{cfg: cfg, Run: what, dir: labdir.RunDir(cfg.Dir, what.Name()), ending: ending{now: make(chan struct{})}}
	if err := os.MkdirAll(r.received(), 0o777); err != nil {
		return nil, fmt.Errorf("cannot make the folder of the run: %w", err)
	}
	if cfg.Faults != nil {
		var err error
		if r.faults, err = cfg.Faults(what); err != nil {
			return nil, err
		}
	}
	for i, name := range what.Nodes() {
		n := &node{name: name, index: i, shape: Shape{Link: what.Rate(i)}}
		if r.faults != nil {
			n.shape = r.faults.Shape(i, name, n.shape.Link)
		}
		r.nodes = append(r.nodes, n)
	}
	if err := r.connect(); err != nil {
		return nil, err
	}
	r.book = r.newBook()
	var err error
	if r.timeline, err = newTimeline(r.dir, what.Name(), cfg.Watch.Event); err != nil {
		return nil, errors.Join(err, r.network.Close())
	}
	if r.faults != nil {
		r.timeline.heard = make(chan labdir.Event, 1024)
	}
	r.timeline.add(labdir.Event{Begin: r.beginning()})
	return r, nil
}

// network is what the nodes of a run are connected by.
type network struct {
	about string // in a sentence
	Close func() error
	delay time.Duration // that the nodes have to keep by themselves
}

// connect gives every node its place.
func (r *run) connect() (err error) {
	if r.cfg.Elsewhere != nil {
		return r.connectMachines()
	}
	rates := make([]links.Rates, len(r.nodes))
	for i, n := range r.nodes {
		rates[i] = links.Rates{Up: units.Rate(n.shape.Link.Up), Down: units.Rate(n.shape.Link.Down)}
	}
	net, err := links.Open(r.cfg.Links, rates, r.cfg.Delay)
	if err != nil {
		return err
	}
	r.network = network{net.About(), net.Close, net.Delay()}
	for i, n := range r.nodes {
		place := net.Place(i)
		n.place, n.limits = here{place, r, n.name}, place.Limits()
	}
	return nil
}

// connectMachines gives every node a place on a machine that has joined. Over
// real links a node keeps no rate by itself, unless it is slow on purpose.
func (r *run) connectMachines() error {
	places, about, err := r.cfg.Elsewhere(r.Run)
	if err != nil {
		return err
	}
	r.network = network{about + links.ByItself(r.cfg.Delay), func() error { return nil }, r.cfg.Delay}
	for i, n := range r.nodes {
		n.place = places[i]
		if n.place == nil {
			n.place = here{links.At(r.cfg.Host), r, n.name}
		}
		if link := n.shape.Link; r.cfg.Links == links.Rate || link != r.Rate(i) {
			n.limits = links.Rates{Up: units.Rate(link.Up), Down: units.Rate(link.Down)}
		}
		measured := n.place.Link()
		n.shape.Link = scenario.Rate{Up: cmp.Or(n.shape.Link.Up, measured.Up), Down: cmp.Or(n.shape.Link.Down, measured.Down)}
	}
	return nil
}

// received is the folder of the copies, one folder a receiver.
func (r *run) received() string { return filepath.Join(r.dir, labdir.ReceivedDir) }

// bound is the least possible distribution time in seconds, over the links as
// they are with what is wrong with them; 0: no link has a limit.
func (r *run) bound() float64 {
	l := r.Links()
	for i, n := range r.nodes {
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
	return r.BoundOver(l)
}

// patience is how long nothing may arrive anywhere before the run is given
// up.
func (r *run) patience() time.Duration {
	if r.cfg.Stall > 0 {
		return r.cfg.Stall
	}
	const minPatience = time.Minute
	return max(minPatience, time.Duration(5*r.bound()*float64(time.Second)))
}

// perform does everything up to the comparison of the files; the nodes are
// still there then. released is called when the receivers have begun.
func (r *run) perform(ctx context.Context, released func()) error {
	if err := r.startNodes(ctx); err != nil {
		return err
	}
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	cpu := make(chan labdir.CPU, 1)
	r.countLinks(-1)
	if err := r.release(ctx); err != nil {
		return err
	}
	released()
	go func() { cpu <- r.watchCPU(watching) }()
	r.follow(ctx)
	r.countLinks(1)
	unwatch()
	r.book.CPU = <-cpu
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return r.verify(ctx)
}

// giveUp ends the run, whoever still lacks the file.
func (r *run) giveUp(why string) {
	r.ending.once.Do(func() {
		r.ending.why = why
		close(r.ending.now)
	})
}
