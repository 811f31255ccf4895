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
func Runs(nodes []*Node, given Links, systems system.Table) ([]*Run, []Finding) {
	buckets, findings := runsOf(merged(nodes), systems)
	runs := make([]*Run, 0, len(buckets))
	for _, b := range buckets {
		r, more := newRun(b, given, systems.Named(b.system))
		runs, findings = append(runs, r), append(findings, more...)
	}
	slices.SortStableFunc(runs, func(a, b *Run) int {
		return cmp.Or(system.Compare(a.System, b.System), a.Start.Compare(b.Start))
	})
	unique(runs)
	return runs, findings
}

// unique gives runs of one system and folder different names.
func unique(runs []*Run) {
	count := make(map[string]int)
	for _, r := range runs {
		key := r.System.Name + " " + r.Name
		if count[key]++; count[key] > 1 {
			r.Name += fmt.Sprintf(" (%d)", count[key])
		}
	}
}

// newRun makes a run of its nodes, which come by what they did and by name.
func newRun(b bucket, given Links, of *system.System) (*Run, []Finding) {
	sorted := slices.SortedStableFunc(slices.Values(b.nodes), func(a, b *Node) int { return natural(a.Node, b.Node) })
	origins, receivers := among(sorted, metrics.Origin), among(sorted, metrics.Receiver)
	files := wantedBy(receivers)
	kept, findings := files.among(receivers)
	r := &Run{Logs: slices.Concat(origins, kept, among(sorted, metrics.Idle))}
	r.Head = headOf(b.dir, r.Logs, files)
	r.System = of
	if r.Start, _ = span(b.nodes); len(kept) > 0 {
		r.Start = slices.MinFunc(kept, func(a, b *Node) int { return a.Begin().Compare(b.Begin()) }).Begin()
	}
	r.Began = r.Start.UTC().Format(time.RFC3339Nano)
	for _, n := range r.Logs {
		r.Nodes = append(r.Nodes, nodeOf(n, files, r.Start, given))
	}
	if len(r.Logs) > 0 && !differ(r.Logs, record) {
		r.Record = r.Logs[0].Record
	}
	d := doubts{run: r}
	d.clocks(origins, kept)
	d.carried(b.nodes, len(findings))
	d.logs()
	d.waits(kept)
	d.lab()
	return r, findings
}

// record is what a lab has noted of the run that a node was in.
func record(n *Node) *labdir.Run { return n.Record }

// differ reports whether something is not the same of all nodes, one at the
// least.
func differ[T comparable](nodes []*Node, what func(*Node) T) bool {
	return slices.ContainsFunc(nodes, func(n *Node) bool { return what(n) != what(nodes[0]) })
}

func headOf(dir string, nodes []*Node, files wanted) metrics.Head {
	h := metrics.Head{Name: dir, FileBytes: files.bytes(), FileID: files.largest.ID, Dir: dir}
	if len(files.sizes) == 1 {
		h.Chunks = files.largest.Chunks
	} else {
		h.Files = len(files.sizes)
	}
	if len(nodes) > 0 && !differ(nodes, func(n *Node) string { return n.Version }) {
		h.Version = nodes[0].Version
	}
	return h
}

// nodeOf returns what figures are computed from.
func nodeOf(n *Node, files wanted, start time.Time, given Links) metrics.Node {
	part := n.part()
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
		node.DoneSeconds = new(n.at(*whole).Sub(start).Seconds())
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
