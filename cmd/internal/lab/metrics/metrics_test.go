package metrics_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

func ptr[T any](v T) *T { return &v }

var unlimited = math.Inf(1)

// node makes one with what a figure needs; change adds the rest.
func node(name string, part metrics.Part, out, in int64, change ...func(*metrics.Node)) metrics.Node {
	n := metrics.Node{
		Name: name, Part: part, Up: unlimited, Down: unlimited,
		Traffic: load.Traffic{PayloadOutBytes: out, PayloadInBytes: in},
	}
	if part == metrics.Receiver {
		n.DeliveredBytes = in
		n.ChunksIn = in / 100
	}
	for _, c := range change {
		c(&n)
	}
	return n
}

func done(s float64) func(*metrics.Node)     { return func(n *metrics.Node) { n.DoneSeconds = &s } }
func wire(out int64) func(*metrics.Node)     { return func(n *metrics.Node) { n.WireOutBytes = &out } }
func links(u, d float64) func(*metrics.Node) { return func(n *metrics.Node) { n.Up, n.Down = u, d } }

// cost sets CPU seconds, peak memory, the peak and the total of connections.
func cost(cpu float64, rss, peak, total int64) func(*metrics.Node) {
	return func(n *metrics.Node) {
		n.CPUSeconds, n.RSSPeakBytes, n.ConnsPeak, n.ConnsTotal = &cpu, &rss, peak, total
	}
}

// star: a server sends a file of 1000 bytes to three receivers at 100 bytes/s.
func star() *metrics.Run {
	return &metrics.Run{
		Head: metrics.Head{Name: "run", System: system.Named("star"), FileBytes: 1000, Chunks: 10},
		Nodes: []metrics.Node{
			node("s", metrics.Origin, 3000, 0, wire(3060), links(100, unlimited), cost(6, 500, 3, 4)),
			node("a", metrics.Receiver, 0, 1000, wire(10), done(28), links(100, 400), cost(1, 300, 1, 1)),
			node("b", metrics.Receiver, 0, 1000, wire(10), done(33), links(100, 400), cost(1, 700, 1, 1)),
			node("c", metrics.Receiver, 0, 1000, wire(10), done(31.5), links(100, 200), cost(2, 300, 1, 2)),
		},
	}
}

// mesh: the same, but the receivers pass chunks on, and one chunk of 100 bytes
// comes twice.
func mesh() *metrics.Run {
	again := func(n *metrics.Node) { n.AgainInBytes, n.DeliveredBytes = 100, 1000 }
	other := func(n *metrics.Node) { n.OtherOutBytes = 31 }
	return &metrics.Run{
		Head: metrics.Head{Name: "run", System: system.Named("mesh"), FileBytes: 1000, Chunks: 10},
		Nodes: []metrics.Node{
			node("o", metrics.Origin, 1200, 0, links(100, unlimited), other, cost(2, 500, 3, 3)),
			node("a", metrics.Receiver, 1000, 1000, wire(1010), done(12), links(100, 400), cost(2, 300, 3, 3)),
			node("b", metrics.Receiver, 600, 1100, wire(610), done(11), links(100, 400), again, cost(2, 700, 3, 3)),
			node("c", metrics.Receiver, 300, 1000, wire(310), done(12.5), links(100, 200), cost(2, 300, 3, 3)),
		},
	}
}

func report(run *metrics.Run) *metrics.Report {
	r := metrics.Compute(run)
	return r
}

// TestFiguresOfRunsWorkedByHand: the arithmetic is beside each value.
func TestFiguresOfRunsWorkedByHand(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		run  *metrics.Run
		want map[metrics.Key]float64
	}{
		"star": {star(), map[metrics.Key]float64{
			metrics.Distribution:       33,               // b is last
			metrics.P50:                31.5,             // rank ⌈0.5·3⌉ = 2 of 28, 31.5, 33
			metrics.P99:                33,               // rank ⌈0.99·3⌉ = 3
			metrics.BoundSeconds:       30,               // max(3·1000/100, 1000/200)
			metrics.BoundMultiple:      1.1,              // 33/30
			metrics.OriginCopies:       3,                // 3000/1000
			metrics.HottestShare:       1,                // 3000/3000
			metrics.Uploaders:          1,                // 3000²/3000²
			metrics.Jain:               0.25,             // 1/4
			metrics.GiniIndex:          0.75,             // (4−1)/4
			metrics.Duplicates:         0,                // nothing came twice
			metrics.Overhead:           0.03,             // (3060+30−3000)/3000
			metrics.CPUPerGiB:          10 / 3000. * gib, // 6+1+1+2 s for 3000 bytes
			metrics.OriginCPUPerGiB:    6 / 3000. * gib,  //
			metrics.PeakMemory:         700,              // b
			metrics.OriginPeakMemory:   500,              //
			metrics.Connections:        3,                // the server's
			metrics.OriginConnections:  3,                //
			metrics.OriginConnsTotal:   4,                //
			metrics.OverheadPerChunk:   3,                // (3060+30−3000)/(3·10)
			metrics.ConnectionsRefused: 0,
		}},
		"mesh": {mesh(), map[metrics.Key]float64{
			metrics.Distribution:  12.5,            // c is last
			metrics.P50:           12,              // rank 2 of 11, 12, 12.5
			metrics.P99:           12.5,            // rank 3
			metrics.BoundSeconds:  10,              // max(1000/100, 1000/200, 3·1000/(100+300))
			metrics.BoundMultiple: 1.25,            // 12.5/10
			metrics.ChunkedBound:  11,              // 10·(1 + ⌊log2 3⌋/10) = 10·1.1
			metrics.OriginCopies:  1.2,             // 1200/1000
			metrics.HottestShare:  1200. / 3100,    //
			metrics.Uploaders:     9.61 / 2.89,     // 3100² / (1200²+1000²+600²+300²) = 9.61e6/2.89e6
			metrics.Jain:          9.61 / 2.89 / 4, //
			metrics.JainReceivers: 3.61 / 1.45 / 3, // 1900² / (1e6+0.36e6+0.09e6) / 3
			// 2·(1·300+2·600+3·1000+4·1200)/(4·3100) − 5/4 = 18600/12400 − 1.25 = 0.25
			metrics.GiniIndex:          0.25,
			metrics.Duplicates:         100. / 3100,     // b's 100 of 1000+1100+1000
			metrics.Overhead:           31. / 3100,      // the origin's kernel tells nothing: other ÷ payload
			metrics.CPUPerGiB:          8 / 3000. * gib, // 3000 delivered, not 3100
			metrics.OriginCPUPerGiB:    2 / 3000. * gib, //
			metrics.PeakMemory:         700,             //
			metrics.OriginPeakMemory:   500,             //
			metrics.Connections:        3,               //
			metrics.OriginConnections:  3,               //
			metrics.OriginConnsTotal:   3,               //
			metrics.OverheadPerChunk:   1,               // 31 of 3100 bytes, over 31 chunks
			metrics.ConnectionsRefused: 0,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			report := metrics.Compute(c.run)
			for key, want := range c.want {
				got, ok := report.Value(key)
				if !ok || math.Abs(got-want) > 1e-9*math.Abs(want) {
					t.Errorf("%s = %v (there: %v), want %v", key, got, ok, want)
				}
			}
			for _, f := range report.Figures {
				if _, wanted := c.want[f.Key]; f.Value != nil && !wanted {
					t.Errorf("%s = %v, which nobody expects", f.Key, *f.Value)
				}
			}
			if report.Receivers != 3 {
				t.Errorf("%d receivers", report.Receivers)
			}
		})
	}
}

// TestAbsentIsAbsent: what a log does not say never becomes a zero.
func TestAbsentIsAbsent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*metrics.Run)
		absent []metrics.Key
		why    string
	}{
		"a receiver never ends": {func(r *metrics.Run) { r.Nodes[2].DoneSeconds = nil },
			[]metrics.Key{metrics.Distribution, metrics.P99, metrics.BoundMultiple}, "1 of 3 receivers did not get the whole file: b"},
		"two never end": {func(r *metrics.Run) { r.Nodes[1].DoneSeconds, r.Nodes[2].DoneSeconds = nil, nil },
			[]metrics.Key{metrics.Distribution, metrics.P50, metrics.P99, metrics.BoundMultiple}, "2 of 3 receivers"},
		"no receiver": {func(r *metrics.Run) { r.Nodes = r.Nodes[:1] },
			[]metrics.Key{metrics.Distribution, metrics.P50, metrics.BoundSeconds, metrics.JainReceivers, metrics.CPUPerGiB}, "receiver"},
		"no origin": {func(r *metrics.Run) { r.Nodes = r.Nodes[1:] },
			[]metrics.Key{metrics.OriginCopies, metrics.OriginCPUPerGiB, metrics.OriginPeakMemory, metrics.HottestShare, metrics.Uploaders, metrics.Overhead}, "origin"},
		"no CPU time": {func(r *metrics.Run) { r.Nodes[0].CPUSeconds = nil },
			[]metrics.Key{metrics.CPUPerGiB, metrics.OriginCPUPerGiB}, "CPU time of s is not known"},
		"no memory": {func(r *metrics.Run) { r.Nodes[3].RSSPeakBytes = nil },
			[]metrics.Key{metrics.PeakMemory}, "memory of c is not known"},
		"no limits": {func(r *metrics.Run) {
			for i := range r.Nodes {
				r.Nodes[i].Up, r.Nodes[i].Down = unlimited, unlimited
			}
		}, []metrics.Key{metrics.BoundSeconds, metrics.BoundMultiple}, "no limited link"},
		"the wire carried less than the payload": {func(r *metrics.Run) { r.Nodes[0].WireOutBytes = ptr[int64](2000) },
			[]metrics.Key{metrics.Overhead}, "fewer than"},
		"a size nobody knows": {func(r *metrics.Run) { r.FileBytes = 0 },
			[]metrics.Key{metrics.OriginCopies, metrics.BoundSeconds}, "size is not known"},
		"nobody sent": {func(r *metrics.Run) { r.Nodes[0].PayloadOutBytes = 0 },
			[]metrics.Key{metrics.HottestShare, metrics.Uploaders, metrics.Jain, metrics.GiniIndex, metrics.Overhead}, "no node sent anything"},
		"nobody received": {func(r *metrics.Run) {
			for i := range r.Nodes {
				r.Nodes[i].PayloadInBytes, r.Nodes[i].DeliveredBytes = 0, 0
			}
		}, []metrics.Key{metrics.Duplicates, metrics.CPUPerGiB}, "no node received anything"},
	} {
		t.Run(name, func(t *testing.T) {
			run := star()
			c.change(run)
			report := metrics.Compute(run)
			said := false
			for _, key := range c.absent {
				f := report.Figure(key)
				if f == nil || f.Value != nil || f.Absent == "" {
					t.Errorf("%s is %+v; it must be absent and say why", key, f)
					continue
				}
				said = said || strings.Contains(f.Absent, c.why)
			}
			if !said {
				t.Errorf("no figure says %q", c.why)
			}
		})
	}
}

func TestChunkedBoundNeedsEqualUplinks(t *testing.T) {
	run := mesh()
	run.Nodes[2].Up = 50
	if f := report(run).Figure(metrics.ChunkedBound); f == nil || f.Value != nil || !strings.Contains(f.Absent, "not equal") {
		t.Errorf("got %+v", f)
	}
	if f := report(star()).Figure(metrics.ChunkedBound); f != nil {
		t.Errorf("a star has it too: %+v", f)
	}
}

func TestSeveralOriginsCountTogether(t *testing.T) {
	run := mesh()
	run.Nodes = append(run.Nodes, node("o2", metrics.Origin, 300, 0, links(100, unlimited)))
	report := metrics.Compute(run)
	if got, _ := report.Value(metrics.OriginCopies); got != 1.5 { // (1200+300)/1000
		t.Errorf("origin copies %v", got)
	}
	if got, _ := report.Value(metrics.BoundSeconds); got != 6 { // 3·1000/(200+300); 1000/200 = 5
		t.Errorf("bound %v", got)
	}
	if note := report.Figure(metrics.OriginCopies).Note; !strings.Contains(note, "2 origins") {
		t.Errorf("the note says %q", note)
	}
}

func TestWhoBeganWithAPartMakesTheBoundDoubtful(t *testing.T) {
	run := star()
	run.Nodes[1].DeliveredBytes = 900
	f := report(run).Figure(metrics.BoundMultiple)
	if len(f.Doubts) != 1 || !strings.Contains(f.Doubts[0], "a did not begin with nothing") {
		t.Errorf("doubts: %q", f.Doubts)
	}
}

func TestDoubtsReachTheFiguresTheyAreAbout(t *testing.T) {
	run := star()
	run.Doubts = []metrics.Doubt{{metrics.Clock, "clocks"}, {metrics.Carried, "bytes"}, {metrics.Cost, "cost"}}
	report := metrics.Compute(run)
	for key, want := range map[metrics.Key][]string{
		metrics.Distribution: {"clocks"}, metrics.P50: {"clocks"}, metrics.BoundMultiple: {"clocks"},
		metrics.BoundSeconds: nil, metrics.OriginCopies: {"bytes"}, metrics.Jain: {"bytes"}, metrics.Overhead: {"bytes"},
		metrics.CPUPerGiB: {"bytes", "cost"}, metrics.PeakMemory: {"cost"}, metrics.Connections: {"cost"},
	} {
		if got := report.Figure(key).Doubts; !slices.Equal(got, want) {
			t.Errorf("%s: doubts %q, want %q", key, got, want)
		}
	}
}

func TestRowsTellTheLoadOfEachNode(t *testing.T) {
	rows := metrics.Compute(mesh()).Nodes
	if len(rows) != 4 || rows[0].Node != "o" || rows[0].PayloadOutBytes != 1200 || rows[0].DoneSeconds != nil {
		t.Errorf("%+v", rows)
	}
	if got := rows[1].SentShare; got != 1000./3100 {
		t.Errorf("a sent a share of %v", got)
	}
}

func TestLorenzCurveOfFourNodes(t *testing.T) {
	got := metrics.Lorenz([]float64{1200, 300, 1000, 600})
	want := []metrics.Point{{0, 0}, {0.25, 300. / 3100}, {0.5, 900. / 3100}, {0.75, 1900. / 3100}, {1, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := metrics.Lorenz([]float64{0, 0}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestGiniOfSimpleLoads(t *testing.T) {
	for _, c := range []struct {
		sent []float64
		want float64
	}{
		{[]float64{5, 5, 5}, 0},
		{[]float64{0, 0, 0, 8}, 0.75}, // (n−1)/n
		{[]float64{1, 3}, 0.25},       // |1−3|·2/(2·4·2) = 4/16
		{[]float64{1, 2, 3}, 2. / 9},  // 2·(1+1+2)/(2·9·2) = 8/36
		{[]float64{7}, 0},
	} {
		if got, ok := metrics.Gini(c.sent); !ok || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Gini(%v) = %v, %v; want %v", c.sent, got, ok, c.want)
		}
	}
}

func TestNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, c := range []struct {
		sorted []float64
		n      int
		p      float64
		want   float64
		ok     bool
	}{
		{hundred, 100, 50, 50, true},
		{hundred, 100, 99, 99, true},
		{hundred, 100, 100, 100, true},
		{hundred[:3], 3, 50, 2, true},
		{hundred[:4], 4, 50, 2, true},
		{hundred[:1], 1, 99, 1, true},
		{hundred[:2], 4, 50, 2, true},  // two of four are not done
		{hundred[:1], 4, 50, 0, false}, // three are not
		{nil, 0, 50, 0, false},
	} {
		if got, ok := metrics.NearestRank(c.sorted, c.n, c.p); got != c.want || ok != c.ok {
			t.Errorf("p%v of %d of %d: %v, %v; want %v, %v", c.p, len(c.sorted), c.n, got, ok, c.want, c.ok)
		}
	}
}

// FuzzSpread: whatever was sent, the measures of evenness stay in their range
// and agree with each other.
func FuzzSpread(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{0, 0, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		sent := make([]float64, len(data))
		for i, b := range data {
			sent[i] = float64(b)
		}
		effective, ok := metrics.EffectiveUploaders(sent)
		gini, okGini := metrics.Gini(sent)
		points := metrics.Lorenz(sent)
		if ok != okGini || ok != (len(points) > 0) {
			t.Fatalf("they do not agree on whether somebody sent: %v %v %v", ok, okGini, points)
		}
		if !ok {
			return
		}
		n := float64(len(sent))
		if effective < 1-1e-9 || effective > n*(1+1e-9) || gini < 0 || gini > (n-1)/n+1e-9 {
			t.Errorf("%v: %v effective uploaders, Gini %v", sent, effective, gini)
		}
		area := 0.0 // under the Lorenz curve: Gini = 1 − 2·area
		for i := 1; i < len(points); i++ {
			a, b := points[i-1], points[i]
			if b.Sent < a.Sent || b.Sent > a.Sent+1 || b.Sent > b.Nodes+1e-9 {
				t.Errorf("the curve goes from %v to %v", a, b)
			}
			area += (b.Nodes - a.Nodes) * (a.Sent + b.Sent) / 2
		}
		if math.Abs(gini-(1-2*area)) > 1e-9 {
			t.Errorf("Gini %v, but the curve says %v", gini, 1-2*area)
		}
	})
}
