package runlogs

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"starmesh/common/load"
)

// merged makes one node of the logs of one that was started again while others
// went on. Its totals are those of all its starts; its place is that of the first.
func merged(nodes []*Node) []*Node {
	all := slices.Clone(nodes)
	starts := slices.SortedStableFunc(slices.Values(nodes), func(a, b *Node) int { return a.Start.Compare(b.Start) })
	for _, n := range starts {
		for i, first := range all {
			if first != nil && first != n && first.goesOnAs(n) && spanned(nodes, first, n) {
				again := *first // what the caller has stays as it is
				again.goOn(n)
				all[i], all[slices.Index(all, n)] = &again, nil
				break
			}
		}
	}
	return slices.DeleteFunc(all, func(n *Node) bool { return n == nil })
}

// spanned reports whether some node ran before n ended and after next began: else
// they are of two runs.
func spanned(nodes []*Node, n, next *Node) bool {
	return slices.ContainsFunc(nodes, func(other *Node) bool {
		return other != n && other != next && other.Start.Before(n.End().Add(slack)) && other.End().After(next.Start.Add(-slack))
	})
}

// sameLog reports whether next has the log of a further start: NAME.2.jsonl is of
// the second one of NAME.jsonl, and one of the same command line goes on wherever
// it is written.
func (n *Node) sameLog(next *Node) bool {
	file, number := startNumber(next.File)
	before, earlier := startNumber(n.File)
	if number > earlier && file == before {
		return true
	}
	return len(n.Command) > 0 && slices.Equal(withoutLog(n.Command), withoutLog(next.Command))
}

// withoutLog is a command line but for where the load log is written.
func withoutLog(command []string) []string {
	var rest []string
	for i := 0; i < len(command); i++ {
		switch {
		case command[i] == "--load-log":
			i++
		case !strings.HasPrefix(command[i], "--load-log="):
			rest = append(rest, command[i])
		}
	}
	return rest
}

// self is the node's name without its process, which is part of the name that a
// node gives itself.
func (n *Node) self() string { return strings.TrimSuffix(n.Node, "-"+strconv.Itoa(n.PID)) }

// startNumber returns the log of a node's first start and which start file is
// about: DIR/peer-3.2.jsonl is about the second one of DIR/peer-3.jsonl.
func startNumber(file string) (first string, number int) {
	stem := strings.TrimSuffix(file, Ext)
	name, digits, ok := cutLast(path.Base(stem), ".")
	number, err := strconv.Atoi(digits)
	if !ok || name == "" || err != nil || number < 2 || stem == file {
		return file, 1
	}
	return strings.TrimSuffix(stem, "."+digits) + Ext, number
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// goesOnAs reports whether next is the same node, started again after n. A
// receiver that had all it wanted does not go on, nor does a node from one run of
// a lab to the next.
func (n *Node) goesOnAs(next *Node) bool {
	done := n.Last.Outcome == load.Done && len(n.Last.Transfers) > 0
	return !done && n.Record == next.Record && n.self() == next.self() && n.Role == next.Role && n.System == next.System && n.Host == next.Host &&
		n.sameLog(next) && next.Start.After(n.Start) && !next.Start.Before(n.End().Add(-slack))
}

// goOn adds the log of the node's next start.
func (n *Node) goOn(next *Node) {
	n.Starts = max(n.Starts, 1) + 1
	n.Points = slices.Clone(n.Points)
	later := next.Start.Sub(n.Start).Seconds()
	before := n.Last
	for _, p := range next.Points {
		p.Seconds += later
		p.OutBytes += before.PayloadOutBytes
		p.InBytes += before.PayloadInBytes
		p.CPUSeconds = sum(p.CPUSeconds, before.CPUSeconds)
		n.Points = append(n.Points, p)
	}
	n.EndSeconds, n.Whole = later+next.EndSeconds, n.Whole && next.Whole
	n.Last = next.Last
	n.Last.HeldSeconds = before.HeldSeconds
	n.Last.ElapsedSeconds += later
	n.Last.Traffic = addTraffic(before.Traffic, next.Last.Traffic)
	n.Last.Conns = addConns(before.Conns, next.Last.Conns)
	n.Last.CPUSeconds = sum(before.CPUSeconds, next.Last.CPUSeconds)
	n.Last.RSSPeakBytes = largest(before.RSSPeakBytes, next.Last.RSSPeakBytes)
	n.Last.Transfers = nil
	for _, t := range next.Last.Transfers {
		t.BeginSeconds += later
		if t.EndSeconds != nil {
			t.EndSeconds = new(*t.EndSeconds + later)
		}
		n.Last.Transfers = append(n.Last.Transfers, t)
	}
	n.Last.Remotes = addRemotes(before.Remotes, next.Last.Remotes)
}

func addTraffic(a, b load.Traffic) load.Traffic {
	return load.Traffic{
		PayloadOutBytes: a.PayloadOutBytes + b.PayloadOutBytes, PayloadInBytes: a.PayloadInBytes + b.PayloadInBytes,
		OtherOutBytes: a.OtherOutBytes + b.OtherOutBytes, OtherInBytes: a.OtherInBytes + b.OtherInBytes,
		AgainInBytes: a.AgainInBytes + b.AgainInBytes,
		WireOutBytes: sum(a.WireOutBytes, b.WireOutBytes), WireInBytes: sum(a.WireInBytes, b.WireInBytes),
		ChunksOut: a.ChunksOut + b.ChunksOut, ChunksIn: a.ChunksIn + b.ChunksIn, ChunksBad: a.ChunksBad + b.ChunksBad,
	}
}

func addConns(a, b load.Conns) load.Conns {
	b.ConnsPeak = max(a.ConnsPeak, b.ConnsPeak)
	b.ConnsTotal += a.ConnsTotal
	b.ConnsRefused += a.ConnsRefused
	return b
}

func addRemotes(a, b []load.RemoteReport) []load.RemoteReport {
	all := slices.Clone(b)
	for _, r := range a {
		i := slices.IndexFunc(all, func(o load.RemoteReport) bool { return o.Remote == r.Remote })
		if i < 0 {
			all = append(all, r)
			continue
		}
		all[i].PayloadOutBytes += r.PayloadOutBytes
		all[i].PayloadInBytes += r.PayloadInBytes
	}
	return all
}

// sum is unknown if one of the two is.
func sum[N int64 | float64](a, b *N) *N {
	if a == nil || b == nil {
		return nil
	}
	return new(*a + *b)
}

func largest(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return new(max(*a, *b))
}
