package lab

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

// experiment makes all runs.
func (l *lab) experiment(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program to start nodes with: %w", err)
	}
	m := l.start(runner.Config{
		Program: program, Dir: l.dir, File: l.file, Links: l.Scenario.Links, Delay: l.Scenario.Delay, Cache: l.scratch.Path(labdir.ScratchCache),
		Poll: l.Watching.Poll, Stall: l.Watching.Stall, Keep: l.Folder.Keep,
		Watch: runner.Watch{Event: l.event, Poll: l.polled}, Faults: l.faults(), Elsewhere: l.elsewhere(),
	})
	l.control.of.Store(&m)
	return l.runs(ctx, m)
}

// tally is what came of the runs together.
type tally struct {
	failed, unexpected, all int
	lost                    []string // machines that left in the middle
}

func (l *lab) runs(ctx context.Context, m Runner) error {
	runs := l.Scenario.Sequence()
	left := l.Scenario.Expect()
	sum := tally{all: len(runs)}
	for i, t := range runs {
		title := fmt.Sprintf("[%d/%d] %s to %d", i+1, len(runs), t.System.Name, t.Receivers)
		left -= t.Expect()
		again, err := l.attempt(ctx, m, t, title, left, &sum)
		if again {
			l.Warn("%s: once more, with another origin", title)
			if err = os.RemoveAll(labdir.RunDir(l.dir, t.Name())); err == nil {
				again, err = l.attempt(ctx, m, t, title, left, &sum)
			}
		}
		if again {
			sum.failed++
		}
		if ctx.Err() != nil {
			return l.stopped(i, len(runs))
		}
		if err != nil {
			return err
		}
	}
	return sum.err()
}

// attempt makes a run, and says how it went. again tells that it has failed, which
// is not counted yet, for the machine with the origin has left.
func (l *lab) attempt(ctx context.Context, m Runner, t scenario.Run, title string, left time.Duration, sum *tally) (again bool, err error) {
	if l.crew != nil {
		if err := l.muster(ctx, t); err != nil {
			sum.failed++
			return false, l.skip(title, t, err)
		}
	}
	l.watch.start(l.Bar(title, int64(t.Receivers)*l.Scenario.FileBytes, left), t.Origin())
	result, err := m.Run(ctx, t)
	l.watch.stop()
	if err != nil && ctx.Err() == nil {
		return false, err
	}
	l.Event("run", result)
	if ctx.Err() != nil {
		return false, nil
	}
	l.say(title, t, &result, left)
	return sum.add(&result, l.found(&result)), nil
}

// add counts a run, unless that failed because the machine with the origin has
// left.
func (s *tally) add(result *labdir.Run, asExpected bool) (noOrigin bool) {
	for i, n := range result.Nodes {
		if n.Lost && !slices.Contains(s.lost, n.Machine) {
			s.lost = append(s.lost, n.Machine)
			noOrigin = i == 0 && result.Error != ""
		}
	}
	switch {
	case noOrigin:
	case result.Error != "":
		s.failed++
	case !asExpected:
		s.unexpected++
	}
	return noOrigin
}

// err is the sum as an error; nil if all went as it should.
func (s *tally) err() error {
	switch {
	case s.failed > 0:
		return fault.Wrapf(errRuns, "%d of %s failed, as told above", s.failed, units.Counted(s.all, "run"))
	case s.unexpected > 0:
		return fault.Wrapf(errRuns, "in %d of %s a fault did not have the outcome that was expected, as told above", s.unexpected, units.Counted(s.all, "run"))
	case len(s.lost) > 0:
		return fault.Wrapf(errRuns, "lost on the way: %s; the runs were judged without", readable.List(s.lost, 8))
	}
	return nil
}

// say tells how a run went.
func (l *lab) say(title string, t scenario.Run, result *labdir.Run, left time.Duration) {
	text := "failed: " + result.Error
	if took := result.DistributionSeconds; took != nil {
		text = units.Measured(*took)
		lacking := func(n labdir.Node) bool { return n.Excused != "" }
		if bound := result.BoundSeconds; bound > 0 && !slices.ContainsFunc(result.Nodes, lacking) {
			text += fmt.Sprintf(", %.2f × the bound", *took/bound)
		}
		text += fmt.Sprintf("; %d of %s right, %s", result.Verified, units.Counted(t.Receivers, "file"), units.Counted(result.Polls, "poll"))
	}
	if left > 0 {
		text += fmt.Sprintf("; about %s to go", units.Duration(left.Round(time.Second)))
	}
	if result.Error != "" {
		l.Warn("%s: %s", title, readable.Text(text))
	} else {
		l.Note("%s: %s", title, text)
	}
	if result.CPU.Limit {
		l.Note("%s: %s", t.Name(), result.CPU.Why)
	}
	if last := result.Straggler; last != "" {
		l.Note("%s: %s", t.Name(), readable.Text(last))
	}
	for _, doubt := range result.Doubts {
		l.Warn("%s: %s", t.Name(), readable.Text(doubt))
	}
}

// faults is what makes the faults in each run; nil if there are none.
func (l *lab) faults() func(scenario.Run) (runner.Faults, error) {
	if len(l.Faults.Parsed) == 0 {
		return nil
	}
	return faultinject.Injector{Faults: l.Faults.Parsed, Seed: l.Scenario.Seed, FileBytes: l.file.Bytes, Chunks: l.file.Chunks}.Of
}

// stopped says how to go on after Ctrl-C.
func (l *lab) stopped(done, all int) error {
	l.Note("stopped after %d of %s; what was measured is in %s", done, units.Counted(all, "run"), l.dir)
	l.Note("make its report with: starmesh lab report %s", l.dir)
	return context.Canceled
}
