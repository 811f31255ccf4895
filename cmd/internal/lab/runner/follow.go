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

// follow polls until the run is over, and lets faults be made meanwhile.
func (r *run) follow(ctx context.Context) {
	var making sync.WaitGroup
	defer making.Wait()
	injecting, stop := context.WithCancel(ctx)
	defer stop()
	if r.faults != nil {
		making.Go(func() { r.faults.Run(injecting, r.timeline.heard, &control{r, onPurpose}) })
	}
	ticker := time.NewTicker(r.cfg.Poll)
	defer ticker.Stop()
	asking := newPolling(r)
	defer asking.hear(ctx)
	for asking.ask(ctx); !r.complete(); {
		select {
		case <-ctx.Done():
			return
		case <-r.ending.now:
			r.timeline.note("", "%s", r.ending.why)
			asking.ask(ctx)
			return
		case a := <-asking.answers:
			asking.note(ctx, a)
		case <-ticker.C:
			asking.ask(ctx)
		}
	}
}

// complete reports whether nothing more is to come, and notes why if that is not
// because all have the file.
func (r *run) complete() bool {
	if why := r.nodes[0].failed; why != "" && !r.System.Relays {
		r.book.Error = "the " + r.Origin() + " ended: " + why
		return true
	}
	open := 0
	latest := r.book.Began
	for _, n := range r.nodes[1:] {
		if !n.done.IsZero() || n.failed != "" || r.excused(n) != "" {
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
	if quiet := time.Since(latest); quiet > r.patience() {
		r.book.Error = fmt.Sprintf("nothing has arrived anywhere for %s: given up. Still without the file: %s",
			units.Duration(quiet), r.without())
		return true
	}
	return false
}

// without lists receivers that lack the file, with how much they have.
func (r *run) without() string {
	var names []string
	for _, n := range r.nodes[1:] {
		if !n.done.IsZero() || r.excused(n) != "" {
			continue
		}
		names = append(names, fmt.Sprintf("%s (has %.0f %%)", n.name, 100*float64(n.last.HaveBytes)/float64(r.cfg.File.Bytes)))
	}
	return readable.List(names, 8)
}

// excused says why a receiver need not have the file; "" if it must.
func (r *run) excused(n *node) string {
	if why := n.endedByHand(); why != "" {
		return why
	}
	if n.place.Gone() {
		return "its machine " + n.place.Where().Machine + " has left"
	}
	if r.faults == nil {
		return ""
	}
	return r.faults.Excused(n.name)
}

// beginning is the first event of the timeline.
func (r *run) beginning() *labdir.Begin {
	b := &labdir.Begin{
		System: r.System.Name, Receivers: r.Receivers, Repetition: r.Repetition,
		FileName: filepath.Base(r.cfg.File.Path), FileBytes: r.cfg.File.Bytes, Chunks: r.cfg.File.Chunks,
		BoundSeconds: r.bound(), Nodes: r.book.Nodes,
	}
	if r.faults != nil {
		b.Faults = r.faults.Expected()
	}
	return b
}
