package lab

import (
	"context"
	"errors"
	"time"

	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
)

// Options say what a lab does.
type Options struct {
	Scenario *scenario.Scenario
	Faults   Faults
	Joined   Joined
	File     string // to be sent; "": a made-up one
	Folder   Folder
	Anyway   bool // does also what this machine cannot carry honestly
	Watching Watching
	Program  Program
}

// Faults are what is to go wrong.
type Faults struct {
	Words  []string // as the user wrote them
	Parsed []faultinject.Fault
}

// Folder is where everything is left.
type Folder struct {
	Dir   string // "": a new one below results
	Force bool   // replaces the lab that is there
	Keep  bool   // the made-up file and all received copies stay
}

// Watching says how nodes are watched.
type Watching struct {
	Poll      time.Duration // between two questions to an agent
	Stall     time.Duration // without progress, after which a run is given up; 0: by its bound
	ShowPolls bool          // tells of every question and its answer
	Dashboard string        // address at which browsers see it live; "": none
}

// Program is this program, as reports name it.
type Program struct {
	Version string
	Command []string
}

// Observer hears what a lab does: words for people and events for programs. Its
// methods may be called from several goroutines.
type Observer interface {
	Note(format string, args ...any)
	Warn(format string, args ...any)
	Event(name string, fields any)
	// Bar begins to show a piece of work, after which other work is expected to
	// go on for so long.
	Bar(title string, total int64, then time.Duration) Bar
	Words(err error) string // of an error, for people, on one line
}

// Bar shows how far a piece of work has come, until it is finished or dropped.
type Bar interface {
	Add(bytes int64)
	Set(bytes int64)
	Finish(err error)
	Drop() // is Finish without a last word
}

// A Runner does one run after the other: a *runner.Manager, or a test's.
type Runner interface {
	Run(ctx context.Context, what scenario.Run) (labdir.Run, error)
	dashboard.Control
}

// errRuns is that runs failed, while the lab went on to its end.
var errRuns = errors.New("runs failed")

// lab is one that is run.
type lab struct {
	Options
	Observer
	start func(runner.Config) Runner

	dir     string          // of the lab
	scratch *labdir.Scratch // what is needed only while it runs; nil: not made yet
	machine labdir.Machine
	file    runner.File
	book    labdir.Lab
	page    *dashboard.Live // nil: none
	crew    *crew           // nil: all nodes live on this machine
	control control
	watch   watch
}

// Run runs a lab from its folder to its report. The report is nil if there is
// none; when runs failed there is one, and an error too. ctx ends when the user
// wants it to stop: what was measured until then is kept.
func Run(ctx context.Context, o Options, seen Observer) (*report.Result, error) {
	return run(ctx, o, seen, func(cfg runner.Config) Runner { return runner.New(cfg) })
}

// systems are those that may be met in the lab's folder.
func (l *lab) systems() system.Table { return system.All().With(l.Scenario.Systems) }

func run(ctx context.Context, o Options, seen Observer, start func(runner.Config) Runner) (made *report.Result, err error) {
	l := &lab{Options: o, Observer: seen, start: start}
	if err := l.chooseFolder(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.dismiss(), l.cleanUp()) }()
	hide, err := l.show(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = hide() }() // how it ended is asked below
	if err := l.check(ctx); err != nil {
		return nil, err
	}
	if err := l.prepare(ctx); err != nil {
		return nil, err
	}
	failed := l.experiment(ctx)
	return l.finish(ctx, errors.Join(failed, hide()))
}
