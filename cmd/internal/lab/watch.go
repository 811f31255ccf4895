package lab

import (
	"fmt"
	"sync"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// watch turns what the runner sees into a bar.
type watch struct {
	mu     sync.Mutex // guards the fields below
	bar    Bar        // nil: no run is going on
	origin string     // has the file, and counts for nothing
	have   map[string]int64
}

// event passes on what the manager sees.
func (l *lab) event(e labdir.Event) {
	if l.page != nil {
		l.page.Event(e)
	}
	switch {
	case e.Begin != nil:
		l.expect(e.Run, e.Begin.Faults)
	case e.Note != nil:
		who := e.Run
		if e.Note.Node != "" {
			who += ", " + e.Note.Node
		}
		l.Event("note", e)
		l.Note("%s: %s", who, readable.Text(e.Note.Text))
	case e.Reading != nil:
		l.watch.saw(e.Reading)
	}
}

// polled shows the manager at work, if that is wanted.
func (l *lab) polled(p runner.Poll) {
	if !l.Watching.ShowPolls {
		return
	}
	answer := "no answer"
	if p.Err != nil {
		answer += ": " + l.Words(p.Err)
	}
	if r := p.Reading; r != nil {
		answer = fmt.Sprintf("%s, has %s, sent %s, %s", r.State, units.Bytes(r.HaveBytes), units.Bytes(r.OutBytes), units.Counted(int(r.Conns), "connection"))
	}
	l.Event("poll", map[string]any{"run": p.Run, "node": p.Node, "number": p.Number, "url": p.URL,
		"seconds": p.Took.Seconds(), "reading": p.Reading})
	l.Note("poll %d of %s: GET %s → %s (%s)", p.Number, p.Node, p.URL, answer, units.Duration(p.Took))
}

func (w *watch) start(bar Bar, origin string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.origin, w.have = origin, make(map[string]int64)
	w.bar = bar
}

func (w *watch) stop() {
	w.mu.Lock()
	bar := w.bar
	w.bar = nil
	w.mu.Unlock()
	bar.Drop()
}

// saw moves the bar.
func (w *watch) saw(r *labdir.Reading) {
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

// expect states the outcomes that are expected, before the run.
func (l *lab) expect(run string, all []string) {
	if len(all) > 0 {
		l.Event("expected", map[string]any{"run": run, "faults": all})
	}
	for _, text := range all {
		l.Note("%s: expected: %s", run, text)
	}
}

// found says what came of the faults, and whether all came as expected.
func (l *lab) found(t *labdir.Run) (asExpected bool) {
	asExpected = true
	for _, f := range t.Faults {
		if f.Met {
			l.Note("%s: %s: as expected: %s", t.Name, f.Fault, readable.Text(f.Found))
			continue
		}
		asExpected = false
		l.Warn("%s: %s: %s", t.Name, f.Fault, readable.Text(f.Found))
	}
	return asExpected
}
