package metrics_test

import (
	"math"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
)

func link(out, in int64) func(*metrics.Node) {
	return func(n *metrics.Node) { n.LinkOutBytes, n.LinkInBytes = &out, &in }
}

func excused(why string) func(*metrics.Node) {
	return func(n *metrics.Node) { n.Excused = why }
}

func trait(what string) func(*metrics.Node) {
	return func(n *metrics.Node) { n.Trait = what }
}

func run(of string, nodes ...metrics.Node) *metrics.Run {
	return &metrics.Run{Head: metrics.Head{System: system.Named(of), FileBytes: 1000, Chunks: 10}, Nodes: nodes}
}

func TestOverheadAtTheLinkWorkedByHand(t *testing.T) {
	for name, c := range map[string]struct {
		run    *metrics.Run
		want   float64
		absent string
	}{
		"counted at every node": {run: run("star",
			node("s", metrics.Origin, 2000, 0, link(2100, 40)),
			node("a", metrics.Receiver, 0, 1000, link(20, 1050)),
			node("b", metrics.Receiver, 0, 1000, link(20, 1050)),
		), want: (2100 + 20 + 20 - 2000) / 2000.0}, // 7 %
		"counted at none": {run: star(), absent: "were not counted"},
		"not counted at one": {run: run("star",
			node("s", metrics.Origin, 1000, 0, link(1100, 0)),
			node("a", metrics.Receiver, 0, 1000),
		), absent: "the links of a"},
		"nothing sent": {run: run("star",
			node("s", metrics.Origin, 0, 0, link(100, 0)),
		), absent: "no node sent anything"},
		"less than payload": {run: run("star",
			node("s", metrics.Origin, 1000, 0, link(900, 0)),
			node("a", metrics.Receiver, 0, 1000, link(10, 900)),
		), absent: "910 bytes, fewer than the 1000 of payload"},
	} {
		t.Run(name, func(t *testing.T) {
			f := report(c.run).Figure(metrics.LinkOverhead)
			switch {
			case c.absent != "":
				if f.Value != nil || !strings.Contains(f.Absent, c.absent) {
					t.Errorf("%+v", f)
				}
			case f.Value == nil || math.Abs(*f.Value-c.want) > 1e-12:
				t.Errorf("%+v, want %g", f, c.want)
			}
		})
	}
}

func TestLinkBytesAreInTheRowsOfTheirNodes(t *testing.T) {
	r := report(run("star",
		node("s", metrics.Origin, 1000, 0, link(1100, 7)),
		node("a", metrics.Receiver, 0, 1000, link(7, 1100), trait("slow"), links(10, 20)),
	))
	for i, want := range [][2]int64{{1100, 7}, {7, 1100}} {
		row := r.Nodes[i]
		if row.LinkOutBytes == nil || row.LinkInBytes == nil || [2]int64{*row.LinkOutBytes, *row.LinkInBytes} != want {
			t.Errorf("%s: %v, want %v", row.Node, row.Noted, want)
		}
	}
	if r.Nodes[1].Trait != "slow" {
		t.Errorf("%+v", r.Nodes[1])
	}
}

func TestABoundOverCountedLinksSaysThatTheyCarryHeaders(t *testing.T) {
	limited := run("star",
		node("s", metrics.Origin, 1000, 0, link(1050, 0), links(100, 100)),
		node("a", metrics.Receiver, 0, 1000, link(0, 1050), links(100, 100), done(10.5)),
	)
	if f := report(limited).Figure(metrics.BoundMultiple); f.Value == nil || *f.Value != 1.05 || !strings.Contains(f.Note, "headers") {
		t.Errorf("%+v", f)
	}
	if f := report(star()).Figure(metrics.BoundMultiple); f.Note != "" {
		t.Errorf("nobody counted these links, but %q", f.Note)
	}
}

// TestWhoNeedNotGetTheFileCountsForNoTime: c was killed on purpose.
func TestWhoNeedNotGetTheFileCountsForNoTime(t *testing.T) {
	r := report(run("mesh",
		node("o", metrics.Origin, 1000, 0, links(100, 100)),
		node("a", metrics.Receiver, 500, 1000, done(10), links(50, 100)),
		node("b", metrics.Receiver, 500, 1000, done(12), links(30, 100)),
		node("c", metrics.Receiver, 0, 300, links(20, 10), excused("killed on purpose")),
	))
	for key, want := range map[metrics.Key]float64{
		metrics.Distribution:  12,
		metrics.P50:           10,
		metrics.BoundSeconds:  10,  // max(1000/100, 1000/100, 2·1000/(100+50+30+20)): two receivers, and c may help; its downlink is nobody's
		metrics.BoundMultiple: 1.2, // 12/10
	} {
		if got, ok := r.Value(key); !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g, %v; want %g", key, got, ok, want)
		}
	}
	if f := r.Figure(metrics.Distribution); !strings.Contains(f.Note, "c (killed on purpose)") {
		t.Errorf("nothing tells that c is left out: %q", f.Note)
	}
	if r.Receivers != 3 || len(r.Links.Up) != 3 {
		t.Errorf("it is a run of %d receivers with %d links, want 3", r.Receivers, len(r.Links.Up))
	}
}

// TestWhoPassesNothingOnHasNoUplinkInTheBound: otherwise it would promise what
// nobody can keep.
func TestWhoPassesNothingOnHasNoUplinkInTheBound(t *testing.T) {
	for what, want := range map[string]float64{
		"":           20, // max(1000/100, 3·1000/(100+50+0))
		"slow":       20, // its link is as slow as it is
		"free-rider": 30, // 3·1000/(100+0)
		"liar":       30,
	} {
		r := report(run("mesh",
			node("o", metrics.Origin, 1000, 0, links(100, 1000)),
			node("a", metrics.Receiver, 500, 1000, links(50, 1000), trait(what)),
			node("b", metrics.Receiver, 500, 1000, links(0, 1000)),
			node("c", metrics.Receiver, 500, 1000, links(0, 1000)),
		))
		if got, ok := r.Value(metrics.BoundSeconds); !ok || got != want {
			t.Errorf("with a %q: %g, want %g", what, got, want)
		}
	}
}
