package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
)

// errTrials is that trials failed, while the lab went on to its end.
var errTrials = errors.New("trials failed")

// lab is one that is run.
type lab struct {
	*labFlags
	scenario *scenario.Scenario
	wrong    []faultinject.Fault // what is to go wrong
	out      *cli.Output
	stdout   io.Writer

	dir     string          // of the lab
	work    *labdir.Scratch // what is needed only while it runs; nil: not made yet
	machine labdir.Machine
	file    runner.File
	book    labdir.Lab
	page    *livePage // nil: none
	watch   labWatch
}

// labWatch turns what the manager sees into a bar.
type labWatch struct {
	mu     sync.Mutex
	bar    *cli.Bar // nil: no trial runs
	origin string   // has the file, and counts for nothing
	have   map[string]int64
}

// experiment runs all trials.
func (l *lab) experiment(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program to start nodes with: %w", err)
	}
	m := runner.New(runner.Config{
		Program: program, Dir: l.dir, File: l.file, Links: l.links.kind, Cache: l.work.Path(labdir.ScratchCache),
		Poll: l.watching.poll, Stall: l.watching.stall, Keep: l.watching.keep,
		Watch: runner.Watch{Event: l.event, Poll: l.polled}, Trouble: l.trouble(),
	})
	if l.page == nil {
		return l.trials(ctx, m)
	}
	shown, hide := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.page.Serve(shown, m) }()
	err = l.trials(ctx, m)
	hide()
	return errors.Join(err, <-ended)
}

func (l *lab) trials(ctx context.Context, m *runner.Manager) error {
	trials := l.scenario.Trials()
	left := l.scenario.Expect()
	failed, unexpected := 0, 0
	for i, t := range trials {
		title := fmt.Sprintf("[%d/%d] %s to %d", i+1, len(trials), t.System, t.Receivers)
		left -= t.Expect()
		bar := l.out.Bar(title, int64(t.Receivers)*l.scenario.FileBytes)
		bar.Then(left)
		l.watch.start(bar, t.Origin())
		result, err := m.Run(ctx, t)
		l.watch.stop()
		if err != nil && ctx.Err() == nil {
			return err
		}
		l.out.Event("trial", result)
		if ctx.Err() != nil {
			return l.stopped(i, len(trials))
		}
		l.say(title, t, &result, left)
		if result.Error != "" {
			failed++
		}
		if !l.found(&result) {
			unexpected++
		}
	}
	if failed > 0 {
		return fault.Wrapf(errTrials, "%d of %d trials failed, as told above", failed, len(trials))
	}
	if unexpected > 0 {
		return fault.Wrapf(errTrials, "in %d of %d trials a fault did not have the outcome that was expected, as told above", unexpected, len(trials))
	}
	return nil
}

// say tells how a trial went.
func (l *lab) say(title string, t scenario.Run, result *labdir.Run, left time.Duration) {
	text := "failed: " + result.Error
	if took := result.DistributionSeconds; took != nil {
		text = units.Seconds(*took)
		if bound := t.Bound(); bound > 0 {
			text += fmt.Sprintf(", %.2f × the bound", *took/bound)
		}
		text += fmt.Sprintf("; %d of %d files are right, %d polls", result.Verified, t.Receivers, result.Polls)
	}
	if left > 0 {
		text += fmt.Sprintf("; about %s to go", units.Duration(left.Round(time.Second)))
	}
	if result.Error != "" {
		l.out.Warn("%s: %s", title, units.Printable(text))
	} else {
		l.out.Note("%s: %s", title, text)
	}
	if result.CPU.Limit {
		l.out.Note("%s: %s", t.Name(), result.CPU.Why)
	}
	for _, doubt := range result.Doubts {
		l.out.Warn("%s: %s", t.Name(), units.Printable(doubt))
	}
}

// event passes on what the manager sees.
func (l *lab) event(e labdir.Event) {
	if l.page != nil {
		l.page.Event(e)
	}
	switch {
	case e.Begin != nil:
		l.expect(e.Trial, e.Begin.Faults)
	case e.Note != nil:
		who := e.Trial
		if e.Note.Node != "" {
			who += ", " + e.Note.Node
		}
		l.out.Event("note", e)
		l.out.Note("%s: %s", who, units.Printable(e.Note.Text))
	case e.Reading != nil:
		l.watch.saw(e.Reading)
	}
}

// polled shows the manager at work, if the flags want that.
func (l *lab) polled(p runner.Poll) {
	if !l.watching.showPolls {
		return
	}
	answer := "no answer"
	if p.Err != nil {
		answer += ": " + cli.OneLine(p.Err)
	}
	if r := p.Reading; r != nil {
		answer = fmt.Sprintf("%s, has %s, sent %s, %d connections", r.State, units.Bytes(r.HaveBytes), units.Bytes(r.OutBytes), r.Conns)
	}
	l.out.Event("poll", map[string]any{"trial": p.Trial, "node": p.Node, "number": p.Number, "url": p.URL,
		"seconds": p.Took.Seconds(), "reading": p.Reading})
	l.out.Note("poll %d of %s: GET %s → %s (%s)", p.Number, p.Node, p.URL, answer, units.Duration(p.Took))
}

func (w *labWatch) start(bar *cli.Bar, origin string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.origin, w.have = origin, make(map[string]int64)
	w.bar = bar
	w.bar.Start()
}

func (w *labWatch) stop() {
	w.mu.Lock()
	bar := w.bar
	w.bar = nil
	w.mu.Unlock()
	bar.Drop()
}

// saw moves the bar.
func (w *labWatch) saw(r *labdir.Reading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Node == w.origin {
		return
	}
	w.have[r.Node] = max(w.have[r.Node], r.HaveBytes)
	sum := int64(0)
	for _, bytes := range w.have {
		sum += bytes
	}
	if w.bar != nil {
		w.bar.Set(sum)
	}
}
