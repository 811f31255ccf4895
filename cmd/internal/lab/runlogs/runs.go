package runlogs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// Links are access links that the logs do not tell of, in bytes per second; 0
// is none given.
type Links struct{ OriginUp, Up, Down float64 }

// A Run is one run of one system, with the logs it was made of.
type Run struct {
	metrics.Run
	Logs   []*Node     // as Run.Nodes, one for each
	Start  time.Time   // of the first receiver; the first node if there is none
	Record *labdir.Run // what a lab has noted; nil if nothing
}

// Runs puts nodes together into runs and judges them. Links are for nodes
// whose log has no limit. Runs come in the order of their systems (see
// system.Compare) and of time.
func Runs(nodes []*Node, given Links, systems system.Table) ([]Run, []Finding) {
	buckets, findings := runsOf(merged(nodes), systems)
	runs := make([]Run, 0, len(buckets))
	for _, b := range buckets {
		r, more := newRun(b, given, systems.Named(b.system))
		runs, findings = append(runs, r), append(findings, more...)
	}
	slices.SortStableFunc(runs, func(a, b Run) int {
		return cmp.Or(system.Compare(a.System, b.System), a.Start.Compare(b.Start))
	})
	unique(runs)
	return runs, findings
}

// unique gives runs of one system and folder different names.
func unique(runs []Run) {
	count := make(map[string]int)
	for i := range runs {
		key := runs[i].System.Name + " " + runs[i].Name
		if count[key]++; count[key] > 1 {
			runs[i].Name += fmt.Sprintf(" (%d)", count[key])
		}
	}
}

// newRun makes a run of its nodes.
func newRun(b bucket, given Links, of *system.System) (Run, []Finding) {
	origins, receivers, idle := byPart(b.nodes)
	files := wantedBy(receivers)
	var findings []Finding
	kept := receivers[:0:0]
	for _, n := range receivers {
		if files.fits(n) {
			kept = append(kept, n)
			continue
		}
		findings = append(findings, Finding{File: n.File, LeftOut: true,
			Text: "it fetched other files than most of its run; left out"})
	}
	r := Run{Logs: slices.Concat(origins, kept, idle)}
	r.Head = headOf(b.dir, r.Logs, files)
	r.System = of
	r.Doubts = slices.Concat(clockDoubts(origins, kept), carriedDoubts(b.nodes, len(findings)), logDoubts(r.Logs))
	r.Start, _ = span(b.nodes)
	if len(kept) > 0 {
		r.Start = firstBegin(kept)
	}
	r.Began = r.Start.UTC().Format(time.RFC3339Nano)
	for i, n := range r.Logs {
		part := []metrics.Part{metrics.Origin, metrics.Receiver, metrics.Idle}[partOf(i, len(origins), len(kept))]
		r.Nodes = append(r.Nodes, nodeOf(n, part, files, r.Start, given))
	}
	r.Record = recordOf(r.Logs)
	r.Doubts = slices.Concat(r.Doubts, waits(&r, kept), labDoubts(&r))
	return r, findings
}

// recordOf returns what is noted of the run that the nodes are of; nil if it is not one.
func recordOf(nodes []*Node) *labdir.Run {
	if len(nodes) == 0 {
		return nil
	}
	t := nodes[0].Record
	for _, n := range nodes[1:] {
		if n.Record != t {
			return nil
		}
	}
	return t
}

// firstBegin is when the first of the receivers began.
func firstBegin(receivers []*Node) time.Time {
	first := receivers[0].Begin()
	for _, n := range receivers[1:] {
		if at := n.Begin(); at.Before(first) {
			first = at
		}
	}
	return first
}

func partOf(i, origins, receivers int) int {
	switch {
	case i < origins:
		return 0
	case i < origins+receivers:
		return 1
	}
	return 2
}

// byPart sorts nodes by what they did and by name.
func byPart(nodes []*Node) (origins, receivers, idle []*Node) {
	for _, n := range slices.SortedStableFunc(slices.Values(nodes), func(a, b *Node) int { return natural(a.Node, b.Node) }) {
		switch n.part() {
		case metrics.Origin:
			origins = append(origins, n)
		case metrics.Receiver:
			receivers = append(receivers, n)
		default:
			idle = append(idle, n)
		}
	}
	return origins, receivers, idle
}

func headOf(dir string, nodes []*Node, files wanted) metrics.Head {
	h := metrics.Head{Name: dir, FileBytes: files.bytes(), FileID: files.largest.ID, Dir: dir}
	if len(files.sizes) == 1 {
		h.Chunks = files.largest.Chunks
	} else {
		h.Files = len(files.sizes)
	}
	for i, n := range nodes {
		if i == 0 {
			h.Version = n.Version
		} else if h.Version != n.Version {
			h.Version = ""
			break
		}
	}
	return h
}

// nodeOf returns what figures are computed from.
func nodeOf(n *Node, part metrics.Part, files wanted, start time.Time, given Links) metrics.Node {
	node := metrics.Node{
		Name: n.Node, Host: n.Host, Part: part,
		Traffic: n.Last.Traffic, Conns: n.Last.Conns, Process: n.Last.Process,
		Up: known(n.LimitUp, given.Up), Down: known(n.LimitDown, given.Down),
	}
	if part == metrics.Origin {
		node.Up = known(n.LimitUp, given.OriginUp)
	}
	takeNotes(&node, n)
	if part != metrics.Receiver {
		return node
	}
	have, whole := files.outcome(n)
	node.DeliveredBytes = max(0, n.Last.PayloadInBytes-n.Last.AgainInBytes)
	if len(files.sizes) > 0 {
		node.DeliveredBytes = min(node.DeliveredBytes, have)
		if n.Starts > 1 { // what no line of a log that broke off tells of came in this run, too
			node.DeliveredBytes = have
		}
	}
	if whole != nil {
		after := n.at(*whole).Sub(start).Seconds()
		node.DoneSeconds = &after
	} else {
		node.DoneSeconds = n.seenDone(start)
	}
	return node
}

func known(limit, given float64) float64 {
	for _, rate := range []float64{limit, given} {
		if rate > 0 && !math.IsInf(rate, 0) {
			return rate
		}
	}
	return math.Inf(1)
}

// carriedDoubts tells when what was sent and what was received do not fit.
func carriedDoubts(nodes []*Node, leftOut int) []metrics.Doubt {
	var doubts []metrics.Doubt
	add := func(format string, args ...any) {
		doubts = append(doubts, metrics.Doubt{About: metrics.Carried, Text: fmt.Sprintf(format, args...)})
	}
	sent, received := total(nodes, outOf), total(nodes, inOf)
	tolerance := 0.02
	if slices.ContainsFunc(nodes, (*Node).killedOnPurpose) {
		tolerance = 0.1 // what they carried after their last line counts nowhere
	}
	switch gap := float64(sent - received); {
	case gap < -tolerance*float64(received):
		add("the nodes received %s but sent only %s: the log of a sender is missing or cut short", units.Bytes(received), units.Bytes(sent))
	case gap > tolerance*float64(sent):
		add("the nodes sent %s but received only %s: the log of a receiver is missing or cut short, or transfers were broken off", units.Bytes(sent), units.Bytes(received))
	}
	if leftOut > 0 {
		add("%d receivers fetched other files; their share of the load is in the origin's figures", leftOut)
	}
	return doubts
}

// logDoubts tells of logs whose totals are not the whole truth.
func logDoubts(nodes []*Node) []metrics.Doubt {
	var doubts []metrics.Doubt
	names := make(map[string]string)
	for _, n := range nodes {
		switch {
		case n.Whole, n.killedOnPurpose(): // the lab's faults are told elsewhere
		case n.Starts > 1:
			doubts = append(doubts, metrics.Doubt{About: metrics.Carried | metrics.Cost, Text: fmt.Sprintf(
				"%s was killed and started again: what it carried after the last line of a log that broke off counts nowhere", n.Node)})
		default:
			doubts = append(doubts, metrics.Doubt{About: metrics.Carried | metrics.Cost, Text: fmt.Sprintf(
				"the log of %s has no final report: its totals are those of %.1f s after its start", n.Node, n.EndSeconds)})
		}
		if n.Last.TransfersOmitted > 0 {
			doubts = append(doubts, metrics.Doubt{About: metrics.Everything, Text: fmt.Sprintf(
				"the log of %s leaves out %d of its files", n.Node, n.Last.TransfersOmitted)})
		}
		if other, there := names[n.Node]; there {
			doubts = append(doubts, metrics.Doubt{About: metrics.Everything, Text: fmt.Sprintf(
				"two logs are of a node called %s, %s and %s: was it started twice, or are runs mixed up?", n.Node, other, n.File)})
		}
		names[n.Node] = n.File
	}
	return doubts
}

// waits tells when a distribution time counts a first receiver that only
// waited.
func waits(r *Run, receivers []*Node) []metrics.Doubt {
	first := math.Inf(1)
	for _, n := range receivers {
		for _, t := range n.Last.Transfers {
			first = min(first, n.at(t.BeginSeconds).Sub(r.Start).Seconds())
		}
	}
	if first < 1 || math.IsInf(first, 1) {
		return nil
	}
	return []metrics.Doubt{{About: metrics.Clock, Text: fmt.Sprintf(
		"counted from the start of the first receiver, as defined, but the first fetch began only %.1f s later", first)}}
}

// natural compares names so that node-2 comes before node-10.
func natural(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da == 0 || db == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
			return c
		}
		a, b = a[da:], b[db:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits returns how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
