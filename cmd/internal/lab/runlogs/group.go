package runlogs

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
)

// bucket is a set of nodes that may be one run.
type bucket struct {
	system string
	dir    string
	nodes  []*Node
}

// runsOf puts nodes together into runs: those of one system whose logs are in
// one folder. A folder whose nodes cannot be a run, because it holds no origin
// or no receiver (each machine's logs in a folder of their own), joins the
// folder whose nodes ran at the same time. Nodes of one folder that ran one
// after the other are runs of their own.
func runsOf(nodes []*Node, systems system.Table) ([]bucket, []Finding) {
	var buckets []bucket
	var findings []Finding
	for _, b := range joined(withServers(byFolder(nodes), systems)) {
		parts, more := splitByTime(b)
		buckets, findings = append(buckets, parts...), append(findings, more...)
	}
	return buckets, findings
}

func byFolder(nodes []*Node) []bucket {
	var all []bucket
	for _, n := range nodes {
		system, dir := cmp.Or(n.System, "unknown"), path.Dir(n.File)
		i := slices.IndexFunc(all, func(b bucket) bool { return b.system == system && b.dir == dir })
		if i < 0 {
			i = len(all)
			all = append(all, bucket{system: system, dir: dir})
		}
		all[i].nodes = append(all[i].nodes, n)
	}
	return all
}

// whole reports whether somebody had the file and somebody was to get it.
func whole(nodes []*Node) bool {
	return among(nodes, metrics.Origin) != nil && among(nodes, metrics.Receiver) != nil
}

// joined brings incomplete folders together with others of their system.
func joined(all []bucket) []bucket {
	broken := func(b bucket) bool { return !whole(b.nodes) }
	done := slices.DeleteFunc(slices.Clone(all), broken)
	for _, b := range all {
		if !broken(b) {
			continue
		}
		if home := homeOf(b, done); home < 0 {
			done = append(done, b)
		} else {
			done[home].nodes = append(done[home].nodes, b.nodes...)
		}
	}
	return done
}

// homeOf returns the bucket that b belongs to: one that ran at the same time,
// else, since clocks may be wrong, the only one of its system. -1 is none. What a
// lab has noted to be of different runs is.
func homeOf(b bucket, all []bucket) int {
	only, count := -1, 0
	for i, other := range all {
		if other.system != b.system || differ(slices.Concat(b.nodes, other.nodes), record) {
			continue
		}
		if overlap(b.nodes, other.nodes) {
			return i
		}
		only, count = i, count+1
	}
	if count == 1 {
		return only
	}
	return -1
}

func overlap(a, b []*Node) bool {
	aFrom, aTo := span(a)
	bFrom, bTo := span(b)
	return !aFrom.After(bTo) && !bFrom.After(aTo)
}

// span returns when the first of the nodes began and the last one ended.
func span(nodes []*Node) (from, to time.Time) {
	from = slices.MinFunc(nodes, func(a, b *Node) int { return a.Start.Compare(b.Start) }).Start
	return from, slices.MaxFunc(nodes, func(a, b *Node) int { return a.End().Compare(b.End()) }).End()
}

// splitByTime splits nodes that did not run at the same time: into runs, if
// each part is one. A part that is none was run on a machine with a wrong
// clock, and stays for others to judge; unless that machine's clock agrees with
// the rest, because it has nodes there too: then it is a log left over from
// another run.
func splitByTime(b bucket) ([]bucket, []Finding) {
	parts := components(b.nodes)
	if len(parts) == 1 {
		return []bucket{b}, nil
	}
	var runs [][]*Node
	var stray []*Node
	for _, part := range parts {
		if whole(part) {
			runs = append(runs, part)
		} else {
			stray = append(stray, part...)
		}
	}
	if len(runs) == 0 {
		return []bucket{b}, nil
	}
	var findings []Finding
	for _, n := range stray {
		if !sharesHost(n, runs) && len(runs) == 1 {
			runs[0] = append(runs[0], n)
			continue
		}
		findings = append(findings, Finding{File: n.File, LeftOut: true, Text: fmt.Sprintf(
			"it ran from %s for %.1f s, while no run was under way: left over from another run? Left out",
			n.Start.Format(time.DateTime), n.EndSeconds)})
	}
	split := make([]bucket, 0, len(runs))
	for _, nodes := range runs {
		split = append(split, bucket{b.system, b.dir, nodes})
	}
	return split, findings
}

func sharesHost(n *Node, runs [][]*Node) bool {
	return slices.ContainsFunc(slices.Concat(runs...), func(other *Node) bool { return other.Host == n.Host })
}

// components returns the nodes in sets that no moment without any of them
// divides, in the order of time.
func components(nodes []*Node) [][]*Node {
	sorted := slices.SortedStableFunc(slices.Values(nodes), func(a, b *Node) int { return a.Start.Compare(b.Start) })
	var all [][]*Node
	var until time.Time
	for _, n := range sorted {
		if len(all) == 0 || n.Start.After(until) {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], n)
		if n.End().After(until) {
			until = n.End()
		}
	}
	return all
}
