package faultinject

import (
	"context"
	"sync"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
)

// Injector is what the faults of all runs of a lab depend on.
type Injector struct {
	Faults    []Fault
	Seed      uint64
	FileBytes int64
	Chunks    int
}

// Of returns what is to go wrong in a run.
func (l Injector) Of(t scenario.Run) (runner.Trouble, error) {
	if err := Check(l.Faults, t.Receivers); err != nil {
		return nil, err
	}
	of := Run{
		System: t.System, Repetition: t.Repetition, Seed: l.Seed, Origin: t.Origin(),
		FileBytes: l.FileBytes, Chunks: l.Chunks, Links: t.Links(),
	}
	for i := range t.Receivers {
		of.Receivers = append(of.Receivers, t.Receiver(i+1))
	}
	plan := NewPlan(l.Faults, of)
	return &trouble{Plan: plan, course: plan.Begin()}, nil
}

// trouble is a runner.Trouble.
type trouble struct {
	*Plan

	mu     sync.Mutex // guards the fields below
	course *Course
	failed error // what could not be done to a node
}

// Shape implements runner.Trouble.
func (t *trouble) Shape(_ int, node string, link scenario.Rate) runner.Shape {
	slowness := t.Slowness(node)
	return runner.Shape{
		Trait:    t.Trait(node),
		Link:     scenario.Rate{Up: link.Up * slowness, Down: link.Down * slowness},
		NoUplink: t.with(node).trait.silent,
		Flags:    t.Flags(node),
	}
}

// Excused implements runner.Trouble.
func (t *trouble) Excused(node string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.course.Excused(node)
}

// Expected implements runner.Trouble.
func (t *trouble) Expected() []string {
	var all []string
	for _, f := range t.Plan.Expected() {
		all = append(all, f.Fault+": "+f.Expected)
	}
	return all
}

// Run implements runner.Trouble.
func (t *trouble) Run(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
	for {
		select {
		case <-ctx.Done():
			t.catchUp(events)
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			for _, do := range t.told(e) {
				t.do(ctx, do, e.Seconds, nodes)
			}
		}
	}
}

// catchUp hears what is left to be heard, when nothing is to be done any more.
func (t *trouble) catchUp(events <-chan labdir.Event) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			t.told(e)
		default:
			return
		}
	}
}

func (t *trouble) told(e labdir.Event) []Do {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.course.Event(e)
}

// do does something to a node. What cannot be done ends the run: its outcome
// would say nothing.
func (t *trouble) do(ctx context.Context, do Do, now float64, nodes runner.Control) {
	act := map[Act]func(context.Context, string) error{
		Stop: nodes.Stop, Kill: nodes.Kill, Restart: nodes.Restart,
	}[do.Act]
	if err := act(ctx, do.Node); err != nil {
		if ctx.Err() != nil {
			return // the run is over
		}
		t.mu.Lock()
		t.failed = err
		t.mu.Unlock()
		nodes.Conclude(string(do.Act) + " " + do.Node + ": " + err.Error())
		return
	}
	if do.Act == Stop { // it has ended, whether or not a reading says so
		t.told(labdir.Event{Seconds: now, Reading: &labdir.Reading{Node: do.Node, State: labdir.Gone}})
	}
}

// Judge implements runner.Trouble.
func (t *trouble) Judge(run *labdir.Run) []labdir.Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	var took float64
	if run.DistributionSeconds != nil {
		took = *run.DistributionSeconds
	}
	for _, n := range run.Nodes {
		if n.DoneSeconds != nil {
			t.course.Held(n.Name, *n.DoneSeconds)
		}
	}
	all := t.course.Judge(run.Verified, took)
	if t.failed != nil {
		for i := range all {
			all[i].Met = false
			all[i].Found = "It could not be done: " + t.failed.Error() + ". " + all[i].Found
		}
	}
	return all
}
