package runlogs

import (
	"fmt"
	"slices"
	"time"

	"starmesh/common/readable"
)

// slack is by how much reports of different processes may disagree in time
// without being called a contradiction: bytes are counted a moment after they
// have moved.
const slack = 250 * time.Millisecond

// contradictions returns what cannot be true if all clocks of a run are right.
func contradictions(origins, receivers []*Node) []string {
	all := slices.Concat(origins, receivers)
	var found []string
	if early := before(origins, receivers); len(early) > 0 {
		found = append(found, fmt.Sprintf("%s ended before any origin started", list(early)))
	}
	if total(all, outOf) >= total(all, inOf) && exceeds(all, all) { // else a sender's log is missing
		blamed := slices.DeleteFunc(slices.Clone(receivers), func(n *Node) bool { return !exceeds([]*Node{n}, without(all, n)) })
		if len(blamed) == 0 {
			blamed = receivers
		}
		found = append(found, fmt.Sprintf("%s received payload before it was sent", list(blamed)))
	}
	late := slices.DeleteFunc(slices.Clone(receivers), func(n *Node) bool { return !receivedFromNobody(n, without(all, n)) })
	if len(late) > 0 {
		found = append(found, fmt.Sprintf("%s received payload after all others had ended", list(late)))
	}
	if len(found) == 0 {
		return nil
	}
	cause := "the clocks of the machines disagree"
	if !differ(all, func(n *Node) string { return n.Host }) {
		cause = "these logs are not of one run, or were changed"
	}
	for i := range found {
		found[i] += ": " + cause
	}
	return found
}

func outOf(p Point) int64 { return p.OutBytes }
func inOf(p Point) int64  { return p.InBytes }

func total(nodes []*Node, count func(Point) int64) int64 {
	sum := int64(0)
	for _, n := range nodes {
		sum += count(n.Points[len(n.Points)-1])
	}
	return sum
}

func without(all []*Node, one *Node) []*Node {
	return slices.DeleteFunc(slices.Clone(all), func(n *Node) bool { return n == one })
}

// before lists the receivers that got something and ended before the first
// origin began.
func before(origins, receivers []*Node) []*Node {
	if len(origins) == 0 {
		return nil
	}
	from, _ := span(origins)
	var early []*Node
	for _, n := range receivers {
		if n.Last.PayloadInBytes > 0 && n.End().Add(slack).Before(from) {
			early = append(early, n)
		}
	}
	return early
}

// step is a change of what was surely received, or at most sent, by then.
type step struct {
	at    time.Time
	bytes int64
}

// exceeds reports whether at some time the takers had received more than the
// givers could have sent. A report of bytes received is taken at its time; one
// of bytes sent as early as the report before it, since they may have left at
// any time in between.
func exceeds(takers, givers []*Node) bool {
	var steps []step
	for _, n := range givers {
		if !n.Whole {
			return false // nobody knows what it sent after its last line
		}
		earlier, sent := n.Start, int64(0)
		for _, p := range n.Points {
			steps = append(steps, step{earlier.Add(-slack), p.OutBytes - sent})
			earlier, sent = n.at(p.Seconds), p.OutBytes
		}
	}
	for _, n := range takers {
		got := int64(0)
		for _, p := range n.Points {
			steps = append(steps, step{n.at(p.Seconds), got - p.InBytes})
			got = p.InBytes
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	balance := int64(0)
	for _, s := range steps {
		if balance += s.bytes; balance < 0 {
			return true
		}
	}
	return false
}

// receivedFromNobody reports whether a node received more a good while after all
// others had ended.
func receivedFromNobody(n *Node, others []*Node) bool {
	if len(others) == 0 || slices.ContainsFunc(others, func(o *Node) bool { return !o.Whole }) {
		return false
	}
	_, ended := span(others)
	const inFlight = 2 * time.Second // what sockets' buffers may still hold
	for i := 1; i < len(n.Points); i++ {
		p, q := n.Points[i-1], n.Points[i]
		if q.InBytes > p.InBytes && n.at(p.Seconds).After(ended.Add(inFlight)) {
			return true
		}
	}
	return false
}

// list names a few nodes of many.
func list(nodes []*Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Node)
	}
	return readable.List(names, 3)
}
