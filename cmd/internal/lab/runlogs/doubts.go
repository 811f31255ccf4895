package runlogs

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// doubts adds to a run what makes its figures doubtful.
type doubts struct{ run *Run }

func (d doubts) add(about metrics.Aspect, format string, args ...any) {
	d.run.Doubts = append(d.run.Doubts, metrics.Doubt{About: about, Text: fmt.Sprintf(format, args...)})
}

// clocks tells what makes times doubtful.
func (d doubts) clocks(origins, receivers []*Node) {
	for _, text := range contradictions(origins, receivers) {
		d.add(metrics.Clock, "%s", text)
	}
	for _, n := range slices.Concat(origins, receivers) {
		if math.Abs(n.Drift.Seconds()) > 1 && len(origins)+len(receivers) > 1 {
			d.add(metrics.Clock, "the wall clock of %s was set by %+.1f s while it ran", n.Node, n.Drift.Seconds())
		}
	}
	// Receivers that came when others had long ended: two rounds through one
	// origin look like one slow run.
	if parts := components(receivers); len(parts) > 1 {
		_, ended := span(parts[0])
		d.add(metrics.Clock, "%s began after %s had ended (a pause of %.1f s): two runs through one origin? Give each its own logs",
			list(parts[1]), list(parts[0]), parts[1][0].Start.Sub(ended).Seconds())
	}
}

// carried tells when what was sent and what was received do not fit.
func (d doubts) carried(nodes []*Node, leftOut int) {
	sent, received := total(nodes, outOf), total(nodes, inOf)
	tolerance := 0.02
	if slices.ContainsFunc(nodes, (*Node).killedOnPurpose) {
		tolerance = 0.1 // what they carried after their last line counts nowhere
	}
	switch gap := float64(sent - received); {
	case gap < -tolerance*float64(received):
		d.add(metrics.Carried, "the nodes received %s but sent only %s: the log of a sender is missing or cut short", units.Bytes(received), units.Bytes(sent))
	case gap > tolerance*float64(sent):
		d.add(metrics.Carried, "the nodes sent %s but received only %s: the log of a receiver is missing or cut short, or transfers were broken off", units.Bytes(sent), units.Bytes(received))
	}
	if leftOut > 0 {
		d.add(metrics.Carried, "%s fetched other files; their share of the load is in the origin's figures", units.Counted(leftOut, "receiver"))
	}
}

// logs tells of logs whose totals are not the whole truth.
func (d doubts) logs() {
	names := make(map[string]string)
	for _, n := range d.run.Logs {
		switch {
		case n.Whole, n.killedOnPurpose(): // the lab's faults are told elsewhere
		case n.Starts > 1:
			d.add(metrics.Carried|metrics.Cost, "%s was killed and started again: what it carried after the last line of a log that broke off counts nowhere", n.Node)
		default:
			d.add(metrics.Carried|metrics.Cost, "the log of %s has no final report: its totals are those of %.1f s after its start", n.Node, n.EndSeconds)
		}
		if n.Last.TransfersOmitted > 0 {
			d.add(metrics.Everything, "the log of %s leaves out %d of its files", n.Node, n.Last.TransfersOmitted)
		}
		if other, there := names[n.Node]; there {
			d.add(metrics.Everything, "two logs are of a node called %s, %s and %s: was it started twice, or are runs mixed up?", n.Node, other, n.File)
		}
		names[n.Node] = n.File
	}
}

// waits tells when a distribution time counts a first receiver that only
// waited.
func (d doubts) waits(receivers []*Node) {
	first := math.Inf(1)
	for _, n := range receivers {
		for _, t := range n.Last.Transfers {
			first = min(first, n.at(t.BeginSeconds).Sub(d.run.Start).Seconds())
		}
	}
	if first >= 1 && !math.IsInf(first, 1) {
		d.add(metrics.Clock, "counted from the start of the first receiver, as defined, but the first fetch began only %.1f s later", first)
	}
}

// longest is how many characters of a sentence of the lab are shown.
const longest = 500

// lab tells what the lab found doubtful, and what contradicts it.
func (d doubts) lab() {
	for i := range d.run.Nodes {
		n := &d.run.Nodes[i]
		d.unlikely(n.Name, "sent", n.PayloadOutBytes, n.LinkOutBytes)
		d.unlikely(n.Name, "received", n.PayloadInBytes, n.LinkInBytes)
	}
	t := d.run.Record
	if t == nil {
		return
	}
	for _, text := range t.Doubts {
		d.add(metrics.Everything, "%s", clean(text, longest))
	}
	if t.CPU.Limit {
		d.add(metrics.Clock, "%s", cmp.Or(clean(t.CPU.Why, longest), "the processors were the limit, not the links"))
	}
	if t.Error != "" {
		d.add(metrics.Everything, "the run failed: %s", clean(t.Error, longest))
	}
	if last, ok := lastDone(d.run.Nodes); ok && t.DistributionSeconds != nil {
		if off := last - *t.DistributionSeconds; math.Abs(off) > slack.Seconds() {
			d.add(metrics.Clock, "by the lab's clock the last receiver had the file after %.2f s, by the logs after %.2f s", *t.DistributionSeconds, last)
		}
	}
}

// unlikely tells of a link that carried less than the payload that crossed it.
func (d doubts) unlikely(name, verb string, payload int64, link *int64) {
	if link != nil && *link < payload {
		d.add(metrics.Carried, "%s has %s %d bytes of payload, but its link has counted only %d bytes", name, verb, payload, *link)
	}
}

// lastDone is when the last of the receivers that were to get the file had it;
// not ok if one has not.
func lastDone(nodes []metrics.Node) (seconds float64, ok bool) {
	for i := range nodes {
		n := &nodes[i]
		if n.Part != metrics.Receiver || n.Excused != "" {
			continue
		}
		if n.DoneSeconds == nil {
			return 0, false
		}
		seconds, ok = max(seconds, *n.DoneSeconds), true
	}
	return seconds, ok
}
