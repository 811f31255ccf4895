package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/preflight"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/common/fault"
)

// check looks whether what is to be done can be done, where it is to be done.
func (l *lab) check(ctx context.Context) error {
	if l.Joined.Nodes == 0 {
		return l.checkMachine(ctx)
	}
	if err := l.gather(ctx); err != nil {
		return err
	}
	return l.checkMachines(ctx)
}

// checkMachine measures what the lab will take of this machine, and refuses
// what it cannot do honestly, unless it is to be done all the same. Nothing
// was made or removed yet.
func (l *lab) checkMachine(ctx context.Context) error {
	l.machine = runner.DescribeMachine(ctx)
	if l.machine.Busy() {
		l.Warn("this machine is %.0f %% busy with something else: times may suffer", 100*l.machine.LoadBefore)
	}
	samples, err := l.measure(ctx)
	if err != nil {
		return err
	}
	q := preflight.Question{
		Scenario: l.Scenario, Samples: samples, Cores: runtime.NumCPU(),
		Room: preflight.RoomAt(ctx, existing(l.dir)), Keep: l.Folder.Keep,
	}
	problems := q.Problems()
	if len(problems) == 0 {
		return nil
	}
	l.Event("capacity", map[string]any{"problems": problems})
	if l.Anyway {
		for _, text := range problems {
			l.Warn("%s", text)
		}
		return nil
	}
	return fault.Wrapf(fault.Refused, "this machine cannot do that honestly, and --anyway does it all the same: %s", strings.Join(problems, "; "))
}

// existing returns the folder in which dir is or will be made.
func existing(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "."
		}
		dir = up
	}
}

// measure takes a sample of each system. What cannot be measured is told, and
// not judged.
func (l *lab) measure(ctx context.Context) (samples map[string]preflight.Sample, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program to start nodes with: %w", err)
	}
	dir, leave, err := labdir.TemporaryDir("starmesh-measure-")
	if err != nil {
		return nil, fmt.Errorf("cannot measure this machine: %w", err)
	}
	defer func() { err = errors.Join(err, leave()) }()
	l.Note("measuring what one receiver costs on this machine: %s", strings.Join(l.Scenario.Systems.Names(), ", "))
	samples = make(map[string]preflight.Sample)
	probe := preflight.Probe{Program: program, Dir: dir, Scenario: l.Scenario, Poll: l.Watching.Poll, Run: l.once}
	for _, s := range l.Scenario.Systems {
		sample, err := probe.Measure(ctx, s)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			l.Warn("%s; nobody knows whether this machine can carry it", l.Words(err))
			continue
		}
		samples[s.Name] = sample
		l.Event("measured", map[string]any{"system": s.Name, "cpu_seconds": sample.CPUSeconds, "bytes": sample.Bytes, "rss_bytes": sample.RSSBytes})
	}
	return samples, nil
}

// once does one run with a runner of its own.
func (l *lab) once(ctx context.Context, cfg runner.Config, what scenario.Run) (labdir.Run, error) {
	return l.start(cfg).Run(ctx, what)
}
