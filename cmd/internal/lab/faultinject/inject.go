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
func (l Injector) Of(what scenario.Run) (runner.Faults, error) {
	if err := Check(l.Faults, what.Receivers); err != nil {
		return nil, err
	}
	of := Run{
		System: what.System, Repetition: what.Repetition, Seed: l.Seed, Origin: what.Origin(),
		FileBytes: l.FileBytes, Chunks: l.Chunks, Links: what.Links(),
	}
	for i := range what.Receivers {
		of.Receivers = append(of.Receivers, what.Receiver(i+1))
	}
	plan := NewPlan(l.Faults, of)
	return &faults{Plan: plan, course: plan.Begin()}, nil
}

// faults is a runner.Faults.
type faults struct {
	*Plan

	mu     sync.Mutex // guards the fields below
	course *Course
	failed error // what could not be done to a node
}

// Shape implements runner.Faults.
func (f *faults) Shape(_ int, node string, link scenario.Rate) runner.Shape {
	slowness := f.Slowness(node)
	return runner.Shape{
		Trait:     f.Trait(node),
		Link:      scenario.Rate{Up: link.Up * slowness, Down: link.Down * slowness},
		NoUplink:  f.with(node).trait.silent,
		Misbehave: f.Misbehave(node), AcceptPause: f.acceptPause(node),
	}
}

// Excused implements runner.Faults.
func (f *faults) Excused(node string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.course.Excused(node)
}

// Expected implements runner.Faults.
func (f *faults) Expected() []string {
	var all []string
	for _, one := range f.Plan.Expected() {
		all = append(all, one.Fault+": "+one.Expected)
	}
	return all
}

// Run implements runner.Faults.
func (f *faults) Run(ctx context.Context, events <-chan labdir.Event, nodes runner.Control) {
	for {
		select {
		case <-ctx.Done():
			f.catchUp(events)
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			for _, do := range f.told(e) {
				f.do(ctx, do, e.Seconds, nodes)
			}
		}
	}
}

// catchUp hears what is left to be heard, when nothing is to be done any more.
func (f *faults) catchUp(events <-chan labdir.Event) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			f.told(e)
		default:
			return
		}
	}
}

func (f *faults) told(e labdir.Event) []Do {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.course.Event(e)
}

// do does something to a node. What cannot be done ends the run: its outcome
// would say nothing.
func (f *faults) do(ctx context.Context, do Do, now float64, nodes runner.Control) {
	act := map[Act]func(context.Context, string) error{
		Stop: nodes.Stop, Kill: nodes.Kill, Restart: nodes.Restart,
	}[do.Act]
	if err := act(ctx, do.Node); err != nil {
		if ctx.Err() != nil {
			return // the run is over
		}
		f.mu.Lock()
		f.failed = err
		f.mu.Unlock()
		nodes.Conclude(string(do.Act) + " " + do.Node + ": " + err.Error())
		return
	}
	if do.Act == Stop { // it has ended, whether or not a reading says so
		f.told(labdir.Event{Seconds: now, Reading: &labdir.Reading{Node: do.Node, State: labdir.Gone}})
	}
}

// Judge implements runner.Faults.
func (f *faults) Judge(run *labdir.Run) []labdir.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var took float64
	if run.DistributionSeconds != nil {
		took = *run.DistributionSeconds
	}
	for _, n := range run.Nodes {
		if n.DoneSeconds != nil {
			f.course.Held(n.Name, *n.DoneSeconds)
		}
	}
	all := f.course.Judge(run.Verified, took)
	if f.failed != nil {
		for i := range all {
			all[i].Met = false
			all[i].Found = "It could not be done: " + f.failed.Error() + ". " + all[i].Found
		}
	}
	return all
}
