package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
)

// watchCPU looks how busy the machines of the nodes are until ctx ends, and
// returns what it found of the one that was the most.
func (r *run) watchCPU(ctx context.Context) labdir.CPU {
	all := make([]labdir.CPU, len(r.nodes))
	var watching sync.WaitGroup
	local := slices.IndexFunc(r.nodes, func(n *node) bool { return !n.elsewhere() }) // for all that are here
	for i, n := range r.nodes {
		if i == local || n.elsewhere() {
			watching.Go(func() { all[i] = n.place.WatchCPU(ctx) })
		}
	}
	watching.Wait()
	worst := all[0]
	for i, c := range all {
		if machine := r.nodes[i].place.Where().Machine; machine != "" {
			r.book.Nodes[i].Busy = &all[i]
			if c.Why != "" {
				c.Why = machine + ": " + c.Why
			}
		}
		if c.Limit && !worst.Limit || c.Limit == worst.Limit && c.BusyShare > worst.BusyShare || i == 0 {
			worst = c
		}
	}
	return worst
}

const (
	// lateBy is how many times as late as half of all the last must be for a
	// reader to ask why.
	lateBy = 1.25
	// full is the share of a downlink that is all one can have of it.
	full = 0.85
	// diskBound is the share of time that processors wait for a disk which is in
	// the way.
	diskBound = 0.2
)

// straggler says in a sentence who was the last of many machines, and why; "" if
// it was not late.
func straggler(book *labdir.Run, bytes int64) string {
	var done []labdir.Node
	for _, n := range book.Nodes {
		if n.DoneSeconds != nil {
			done = append(done, n)
		}
	}
	if len(done) < 3 || done[0].Machine == "" {
		return "" // too few, or all on one machine
	}
	slices.SortFunc(done, func(a, b labdir.Node) int { return cmp.Compare(*a.DoneSeconds, *b.DoneSeconds) })
	last, usual := done[len(done)-1], done[(len(done)-1)/2]
	if *last.DoneSeconds < lateBy**usual.DoneSeconds {
		return ""
	}
	return fmt.Sprintf("%s on %s was the last, %.1f times as late as half of all: %s", last.Name, last.Machine, *last.DoneSeconds / *usual.DoneSeconds, whyLate(&last, &usual, bytes))
}

// whyLate compares what is known of the last with what is of another.
func whyLate(last, usual *labdir.Node, bytes int64) string {
	began := func(n *labdir.Node) float64 { return *cmp.Or(n.FirstSeconds, n.DoneSeconds) }
	pace := func(n *labdir.Node) float64 {
		kept := int64(0)
		if n.Receipt != nil {
			kept = n.Receipt.KeptBytes
		}
		return float64(bytes-kept) / max(*n.DoneSeconds, 1e-3)
	}
	cpu := *cmp.Or(last.Busy, new(labdir.CPU))
	switch {
	case began(last)-began(usual) > (*last.DoneSeconds-*usual.DoneSeconds)/2:
		return fmt.Sprintf("nothing had arrived for %s", units.Seconds(began(last)))
	case last.Down != nil && pace(last) > full**last.Down:
		return fmt.Sprintf("its downlink of %s was full", units.Rate(*last.Down))
	case cpu.Limit:
		return fmt.Sprintf("its processors were %.0f %% busy", 100*cpu.BusyShare)
	case cpu.DiskShare > diskBound:
		return fmt.Sprintf("its processors waited for its disk for %.0f %% of the time", 100*cpu.DiskShare)
	}
	return fmt.Sprintf("%s arrived there, and %s at %s; its processors were %.0f %% busy", units.Rate(pace(last)), units.Rate(pace(usual)), usual.Machine, 100*cpu.BusyShare)
}
