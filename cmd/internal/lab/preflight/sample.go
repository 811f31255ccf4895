package preflight

import (
	"slices"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/common/fault"
)

// settled is the share of the file after which a transfer goes evenly: nodes
// have met, keys were exchanged.
const settled = 0.25

// SampleOf takes a sample of a run with one receiver. What happened before the
// transfer went evenly does not count: in a long transfer it is nothing.
func SampleOf(run *runlogs.Run) (Sample, error) {
	i := slices.IndexFunc(run.Nodes, func(n metrics.Node) bool { return n.Part == metrics.Receiver })
	if i < 0 || run.Nodes[i].DoneSeconds == nil {
		return Sample{}, fault.Wrapf(fault.Invalid, "the receiver did not get the file")
	}
	from, to := evenly(run.Logs[i])
	s := Sample{Bytes: to.InBytes - from.InBytes}
	for _, n := range run.Logs {
		at := func(p runlogs.Point) (float64, bool) {
			return cpuAt(n, run.Logs[i].Start.Add(seconds(p.Seconds)))
		}
		before, known := at(from)
		after, known2 := at(to)
		if !known || !known2 {
			return Sample{}, fault.Wrapf(fault.Invalid, "the system does not tell the CPU time of %s", n.Node)
		}
		s.CPUSeconds += after - before
		if rss := n.Last.RSSPeakBytes; rss != nil {
			s.RSSBytes = max(s.RSSBytes, *rss)
		}
	}
	if s.Bytes <= 0 {
		return Sample{}, fault.Wrapf(fault.Invalid, "the log of %s has too few lines to measure by", run.Logs[i].Node)
	}
	return s, nil
}

// evenly returns the points of a receiver's log between which it received at its
// pace.
func evenly(n *runlogs.Node) (from, to runlogs.Point) {
	total := n.Last.PayloadInBytes
	for _, p := range n.Points {
		if float64(p.InBytes) <= settled*float64(total) {
			from = p
		}
		if to = p; p.InBytes == total {
			break
		}
	}
	return from, to
}

// cpuAt returns the CPU time a node had used by then, between its points in
// proportion; not ok if the system does not tell.
func cpuAt(n *runlogs.Node, at time.Time) (cpu float64, ok bool) {
	elapsed := at.Sub(n.Start).Seconds()
	var before runlogs.Point
	for _, p := range n.Points {
		if p.CPUSeconds == nil {
			return 0, false
		}
		if p.Seconds >= elapsed {
			if before.CPUSeconds == nil || p.Seconds <= before.Seconds {
				return *p.CPUSeconds, true
			}
			share := (elapsed - before.Seconds) / (p.Seconds - before.Seconds)
			return *before.CPUSeconds + share*(*p.CPUSeconds-*before.CPUSeconds), true
		}
		before = p
	}
	if before.CPUSeconds == nil {
		return 0, false
	}
	return *before.CPUSeconds, true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
