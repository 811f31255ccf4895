package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// follow polls until the trial is over, and lets faults be made meanwhile.
func (t *trial) follow(ctx context.Context) {
	var making sync.WaitGroup
	defer making.Wait()
	faults, stop := context.WithCancel(ctx)
	defer stop()
	if t.trouble != nil {
		making.Go(func() { t.trouble.Run(faults, t.timeline.heard, &control{t, onPurpose}) })
	}
	ticker := time.NewTicker(t.cfg.Poll)
	defer ticker.Stop()
	for {
		t.poll(ctx)
		if t.complete() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.ending.now:
			t.timeline.note("", "%s", t.ending.why)
			t.poll(ctx)
			return
		case <-ticker.C:
		}
	}
}

// complete tells whether nothing more is to come, and notes why if that is not
// because all have the file.
func (t *trial) complete() bool {
	if why := t.nodes[0].failed; why != "" && !t.System.Relays {
		t.book.Error = "the " + t.Origin() + " ended: " + why
		return true
	}
	open := 0
	latest := t.book.Began
	for _, n := range t.nodes[1:] {
		if !n.done.IsZero() || n.failed != "" || t.excused(n) != "" {
			continue
		}
		open++
		if n.progress.After(latest) {
			latest = n.progress
		}
	}
	if open == 0 {
		return true
	}
	if quiet := time.Since(latest); quiet > t.patience() {
		t.book.Error = fmt.Sprintf("nothing has arrived anywhere for %s: given up. Still without the file: %s",
			units.Duration(quiet), t.without())
		return true
	}
	return false
}

// without lists receivers that lack the file, with how much they have.
func (t *trial) without() string {
	var names []string
	for _, n := range t.nodes[1:] {
		if !n.done.IsZero() || t.excused(n) != "" {
			continue
		}
		names = append(names, fmt.Sprintf("%s (has %.0f %%)", n.name, 100*float64(n.last.HaveBytes)/float64(t.cfg.File.Bytes)))
	}
	return readable.List(names, 8)
}

// excused says why a receiver need not have the file; "" if it must.
func (t *trial) excused(n *node) string {
	if why := n.endedByHand(); why != "" {
		return why
	}
	if t.trouble == nil {
		return ""
	}
	return t.trouble.Excused(n.name)
}

// beginning is the first event of the timeline.
func (t *trial) beginning() *labdir.Begin {
	b := &labdir.Begin{
		System: t.System.Name, Receivers: t.Receivers, Repetition: t.Repetition,
		FileName: filepath.Base(t.cfg.File.Path), FileBytes: t.cfg.File.Bytes, Chunks: t.cfg.File.Chunks,
		BoundSeconds: t.bound(), Nodes: t.book.Nodes,
	}
	if t.trouble != nil {
		b.Faults = t.trouble.Expected()
	}
	return b
}
