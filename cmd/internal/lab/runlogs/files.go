package runlogs

import (
	"fmt"
	"slices"
	"strings"

	"starmesh/common/load"
)

// wanted is what the receivers of a run were to get: the files that most of
// them fetched.
type wanted struct {
	sizes   map[string]int64 // by id; empty: no log tells
	largest load.TransferReport
}

// wantedBy finds out which files the run is about.
func wantedBy(receivers []*Node) wanted {
	w := wanted{sizes: make(map[string]int64)}
	typical := typicalOf(receivers)
	if typical == nil {
		return w
	}
	for _, t := range typical.Last.Transfers {
		w.sizes[t.ID] = t.SizeBytes
		if w.largest.ID == "" || t.SizeBytes > w.largest.SizeBytes {
			w.largest = t
		}
	}
	return w
}

// typicalOf returns one of the nodes that fetch what most do, or the most bytes
// where as many fetch others; nil: none tells what it fetches.
func typicalOf(receivers []*Node) *Node {
	type choice struct {
		count int
		bytes int64
		key   string
		of    *Node
	}
	choices := make(map[string]*choice)
	for _, n := range receivers {
		key, bytes := filesOf(n)
		if key == "" {
			continue
		}
		if choices[key] == nil {
			choices[key] = &choice{key: key, bytes: bytes, of: n}
		}
		choices[key].count++
	}
	best := new(choice)
	for _, c := range choices {
		if c.count > best.count || c.count == best.count &&
			(c.bytes > best.bytes || c.bytes == best.bytes && c.key < best.key) {
			best = c
		}
	}
	return best.of
}

// filesOf returns a text that is the same for nodes that fetch the same files,
// and how many bytes those have.
func filesOf(n *Node) (key string, bytes int64) {
	sizes := make(map[string]int64)
	for _, t := range n.Last.Transfers {
		sizes[t.ID] = t.SizeBytes
	}
	ids := make([]string, 0, len(sizes))
	for id, size := range sizes {
		ids = append(ids, fmt.Sprintf("%s:%d", id, size))
		bytes += size
	}
	slices.Sort(ids)
	return strings.Join(ids, " "), bytes
}

func (w wanted) bytes() int64 {
	sum := int64(0)
	for _, size := range w.sizes {
		sum += size
	}
	return sum
}

// fits reports whether a receiver fetched what the run is about, or nothing yet.
func (w wanted) fits(n *Node) bool {
	for _, t := range n.Last.Transfers {
		if size, ok := w.sizes[t.ID]; !ok || size != t.SizeBytes {
			return false
		}
	}
	return true
}

// among returns those of the nodes that fit, and tells of the others.
func (w wanted) among(nodes []*Node) (fit []*Node, findings []Finding) {
	for _, n := range nodes {
		if w.fits(n) {
			fit = append(fit, n)
			continue
		}
		findings = append(findings, Finding{File: n.File, LeftOut: true, Text: "it fetched other files than most of its run; left out"})
	}
	return fit, findings
}

// outcome returns how much of the files a receiver holds, and when it held all
// of them, in seconds since its start; nil if it never did.
func (w wanted) outcome(n *Node) (have int64, whole *float64) {
	last, count := 0.0, 0
	for id := range w.sizes {
		held, end := int64(0), (*float64)(nil)
		for _, t := range n.Last.Transfers {
			if t.ID != id {
				continue
			}
			held = max(held, t.HaveBytes)
			if t.State == load.Done && (end == nil || *t.EndSeconds < *end) {
				end = t.EndSeconds
			}
		}
		have += held
		if end != nil {
			last, count = max(last, *end), count+1
		}
	}
	if count == 0 || count < len(w.sizes) {
		return have, nil
	}
	return have, &last
}
