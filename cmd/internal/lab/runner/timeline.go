package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/labdir"
)

// timeline writes what the manager sees, and tells those who watch.
type timeline struct {
	run   string
	watch func(labdir.Event) // nil: nobody

	mu    sync.Mutex
	file  *os.File
	began time.Time         // zero: the receivers are not told to start yet
	err   error             // the first of writing
	heard chan labdir.Event // by whoever makes faults; nil: nobody
}

func newTimeline(dir, run string, watch func(labdir.Event)) (*timeline, error) {
	f, err := os.Create(filepath.Join(dir, labdir.TimelineFile))
	if err != nil {
		return nil, fmt.Errorf("cannot write the timeline: %w", err)
	}
	return &timeline{run: run, watch: watch, file: f}, nil
}

// begin starts the timeline's clock.
func (l *timeline) begin(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began = at
}

// add adds an event, as of now.
func (l *timeline) add(e labdir.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Run = l.run
	if !l.began.IsZero() {
		e.Seconds = time.Since(l.began).Seconds()
	}
	if err := labdir.WriteEvent(l.file, &e); l.err == nil {
		l.err = err
	}
	if l.watch != nil {
		l.watch(e)
	}
	select {
	case l.heard <- e:
	default: // whoever makes faults is slow
	}
}

func (l *timeline) note(node, format string, args ...any) {
	l.add(labdir.Event{Note: &labdir.Note{Node: node, Text: fmt.Sprintf(format, args...)}})
}

// fault tells of what was done on purpose to a node's process.
func (l *timeline) fault(node, did, text string) {
	l.add(labdir.Event{Note: &labdir.Note{Node: node, Fault: true, Did: did, Text: text}})
}

// close ends the timeline and tells whether it was written.
func (l *timeline) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.file.Close())
}
