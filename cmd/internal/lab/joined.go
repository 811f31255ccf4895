package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"starmesh/cmd/internal/fleet/worker"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/links"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

// Joined says which machines the nodes live on.
type Joined struct {
	worker.Wanted        // Nodes is 0: all live on this machine
	Origin        string // the name of the node that has the file; "": the first
}

// crew is the machines that have joined a lab.
type crew struct {
	*worker.Crew
	sent   worker.Remote   // the node that was sent the file
	places []*worker.Place // of the run that is next
}

// room is a lab that waits: the dashboard, too, hears who comes and goes.
type room struct{ *lab }

func (r room) Event(name string, fields any) {
	if crew, ok := fields.(labdir.Crew); ok && r.page != nil {
		r.page.Event(labdir.Event{Crew: &crew})
	}
	r.lab.Event(name, fields)
}

// gather waits for the machines. Numbers of receivers that these are too few
// for become as many as there are.
func (l *lab) gather(ctx context.Context) error {
	l.Joined.Program, l.Joined.Command = l.Program.Version, "lab node"
	found, err := worker.Gather(ctx, l.Joined.Wanted, room{l})
	if err != nil {
		return err
	}
	l.crew = &crew{Crew: found}
	if l.Joined.Origin != "" {
		if err := l.crew.First(l.Joined.Origin); err != nil {
			return err
		}
	}
	most := len(l.crew.Names()) - 1
	if most < 1 {
		return fault.Wrapf(fault.NoSource, "a file has to go from one node to another, and only one has joined")
	}
	for i, n := range l.Scenario.Receivers {
		if n > most {
			l.Warn("%d receivers are more than have joined beside the origin: it goes to %d", n, most)
			l.Scenario.Receivers[i] = most
		}
	}
	slices.Sort(l.Scenario.Receivers)
	l.Scenario.Receivers = slices.Compact(l.Scenario.Receivers)
	return nil
}

// checkMachines looks what is in the way on the machines that have joined.
func (l *lab) checkMachines(ctx context.Context) error {
	l.machine = runner.DescribeMachine(ctx)
	here := l.crew.Here()
	if l.Scenario.Links == links.Real && l.Scenario.Rates.Receiver == (scenario.Rate{}) {
		l.Note("measuring the links of all nodes")
		if err := l.crew.MeasureLinks(ctx, here); err != nil {
			return err
		}
	}
	problems := l.crew.Check(ctx, here, false, l.Scenario.FileBytes)
	if len(problems) > 0 && !l.Anyway {
		return fault.Wrapf(fault.Refused, "that will not work, and --anyway tries it all the same: %s", readable.Text(strings.Join(problems, "; ")))
	}
	for _, text := range problems {
		l.Warn("%s", readable.Text(text))
	}
	return ctx.Err()
}

// muster has machines enough for a run, with the file on the first of them and
// all their clocks measured.
func (l *lab) muster(ctx context.Context, what scenario.Run) error {
	here, err := l.crew.Await(ctx, what.Receivers+1)
	if err != nil {
		return err
	}
	if first := l.crew.Names()[0]; here[0].Name != first {
		if l.Joined.Origin != "" {
			return fault.Wrapf(fault.NoSource, "%s is gone, which has the file", first)
		}
		l.Warn("%s is gone, which had the file: %s sends it from now on", first, here[0].Name)
		if err := l.crew.First(here[0].Name); err != nil {
			return err
		}
	}
	if here[0].Member != l.crew.sent.Member { // it is there for the first time, or again
		if err := l.deliver(ctx, here[0]); err != nil {
			return err
		}
		l.crew.sent = here[0]
	}
	proof, err := worker.Prove(ctx, l.file.Path)
	if err != nil {
		return err
	}
	l.crew.places, err = l.crew.Places(ctx, here, proof)
	return err
}

// deliver brings the origin the file, off the clock.
func (l *lab) deliver(ctx context.Context, to worker.Remote) error {
	if l.File == "" {
		return to.MakeUp(ctx, worker.Seed{Name: filepath.Base(l.file.Path), Bytes: l.file.Bytes, Seed: l.Scenario.Seed})
	}
	bar := l.Bar("to "+to.Name, l.file.Bytes, 0)
	err := to.Send(ctx, l.file.Path, l.file.Bytes, bar.Add)
	bar.Finish(err)
	return err
}

// elsewhere is runner.Config.Elsewhere; nil: nodes live here.
func (l *lab) elsewhere() func(scenario.Run) ([]runner.Place, string, error) {
	if l.crew == nil {
		return nil
	}
	return func(scenario.Run) (places []runner.Place, about string, err error) {
		for _, p := range l.crew.places {
			places = append(places, p)
		}
		if l.Scenario.Links == links.Rate {
			return places, "every node on a machine that has joined, limited by itself (--up, --down)", nil
		}
		return places, "every node on a machine that has joined, over the links that this has" + l.crew.Measured(), nil
	}
}

// dismiss lets the machines go.
func (l *lab) dismiss() error {
	if l.crew == nil {
		return nil
	}
	return l.crew.Dismiss()
}

// skip notes a run that cannot be made, and fails if no other can.
func (l *lab) skip(title string, what scenario.Run, why error) error {
	if !errors.Is(why, fault.NoSource) {
		return why
	}
	l.Warn("%s: skipped: %s", title, readable.Text(why.Error()))
	r := labdir.Run{
		Format: labdir.RunFormat, Name: what.Name(), System: what.System.Name, Receivers: what.Receivers, Repetition: what.Repetition,
		Began: time.Now(), Links: l.Scenario.Links, Error: why.Error(),
	}
	dir := labdir.RunDir(l.dir, r.Name)
	if err := errors.Join(os.MkdirAll(dir, 0o777), r.Save(dir)); err != nil {
		return err
	}
	if l.Event("run", r); len(l.crew.Here()) < max(2, l.Joined.Min) {
		return why
	}
	return nil
}
