package report

import (
	"fmt"
	"math"
	"strings"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/lab/metrics"
)

// gauge reads one number of a node; not ok if it is not known.
type gauge func(*metrics.Row) (float64, bool)

func sent(r *metrics.Row) (float64, bool) { return float64(r.PayloadOutBytes), true }

func cpu(r *metrics.Row) (float64, bool) {
	if r.CPUSeconds == nil {
		return 0, false
	}
	return *r.CPUSeconds, true
}

func memory(r *metrics.Row) (float64, bool) {
	if r.RSSPeakBytes == nil {
		return 0, false
	}
	return float64(*r.RSSPeakBytes), true
}

// highest is the largest reading in all runs of the case.
func (s *studio) highest(read gauge) float64 {
	highest := 0.0
	for _, series := range s.of.Series {
		for _, run := range series.Runs {
			for i := range run.Nodes {
				if v, ok := read(&run.Nodes[i]); ok {
					highest = max(highest, v)
				}
			}
		}
	}
	return highest
}

// loads draws what each node sent, all systems on one scale.
func (s *studio) loads() {
	s.each("load", "load", sent, scale, func(label string) string { return "Sent by each node: " + label })
}

// costs draws CPU time and memory of each node.
func (s *studio) costs() {
	seconds := func(float64) (float64, string) { return 1, "CPU seconds" }
	s.each("cost", "cpu", cpu, seconds, func(label string) string { return "CPU time of each node: " + label })
	s.each("cost", "memory", memory, scale, func(label string) string { return "Most memory of each node: " + label })
}

// each draws bars of one reading for each series.
func (s *studio) each(group, kind string, read gauge, unitOf func(float64) (float64, string), caption func(string) string) {
	highest := s.highest(read)
	divisor, unit := unitOf(highest)
	for _, series := range s.of.Series {
		bars, names := barsOf(series, read, divisor)
		c := charts.Bars(names, unit, bars, highest/divisor)
		s.add(Plot{Name: s.name(kind, series), Group: group, Caption: caption(series.Label())}, c, barWords(bars, unit))
	}
}

// barsOf returns the bars of the typical run; whiskers span all runs. names tells
// what the numbers below them are.
func barsOf(series *metrics.Series, read gauge, divisor float64) (bars []charts.Bar, names string) {
	run := series.Typical()
	short, names := shortNames(run.Nodes)
	for i := range run.Nodes {
		b := charts.Bar{Name: short[i], Color: charts.SystemColor(series.System)}
		v, ok := read(&run.Nodes[i])
		b.Value, b.Missing = v/divisor, !ok
		b.Low, b.High = math.Inf(1), math.Inf(-1)
		for _, r := range series.Runs {
			for k := range r.Nodes {
				if other := &r.Nodes[k]; other.Node == run.Nodes[i].Node {
					if v, ok := read(other); ok {
						b.Low, b.High = min(b.Low, v/divisor), max(b.High, v/divisor)
					}
				}
			}
		}
		if b.High <= b.Low {
			b.Low, b.High = 0, 0
		}
		bars = append(bars, b)
	}
	return bars, names
}

// barWords says what bars show without naming all of many.
func barWords(bars []charts.Bar, unit string) string {
	const few = 10
	var parts []string
	for _, b := range bars[:min(few, len(bars))] {
		parts = append(parts, fmt.Sprintf("%s %.3g", b.Name, b.Value))
	}
	text := strings.Join(parts, ", ")
	if len(bars) > few {
		lowest, highest := math.Inf(1), 0.0
		for _, b := range bars[few:] {
			lowest, highest = min(lowest, b.Value), max(highest, b.Value)
		}
		text += fmt.Sprintf(", and %d more with %.3g to %.3g", len(bars)-few, lowest, highest)
	}
	return text + " " + unit
}

// shortNames leaves out what the names of all receivers begin with, and tells
// it for the axis.
func shortNames(rows []metrics.Row) (short []string, axis string) {
	prefix, count := "", 0
	for _, r := range rows {
		short = append(short, r.Node)
		if r.Part != metrics.Receiver {
			continue
		}
		at := strings.LastIndexByte(r.Node, '-')
		if at <= 0 || strings.Trim(r.Node[at+1:], "0123456789") != "" || r.Node[at+1:] == "" || count > 0 && r.Node[:at] != prefix {
			return whole(rows), ""
		}
		prefix = r.Node[:at]
		count++
	}
	if count < 3 {
		return whole(rows), ""
	}
	for i, r := range rows {
		if r.Part == metrics.Receiver {
			short[i] = r.Node[len(prefix)+1:]
		}
	}
	return short, fmt.Sprintf("numbers: %s-…", prefix)
}

func whole(rows []metrics.Row) []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.Node)
	}
	return names
}

// lorenz draws how evenly each system loads its nodes.
func (s *studio) lorenz() {
	var lines []charts.Series
	var text string
	for _, series := range s.of.Series {
		typical := series.Typical()
		if len(typical.Lorenz) == 0 {
			continue
		}
		for _, run := range series.Runs {
			if run != typical {
				lines = append(lines, charts.Series{Look: s.look(series).Behind(), Points: lorenzPoints(run)})
			}
		}
		lines = append(lines, charts.Series{Name: series.Label(), Look: s.look(series), Points: lorenzPoints(typical)})
		if gini, ok := typical.Value(metrics.GiniIndex); ok {
			text += fmt.Sprintf("%s: Gini coefficient %.2f. ", series.Label(), gini)
		}
	}
	if len(lines) == 0 {
		return // nobody sent anything
	}
	lines = append(lines, charts.Series{Name: "even", Look: charts.Look{Color: charts.Ink, Stroke: charts.Dashed},
		Points: []charts.Point{{X: 0, Y: 0}, {X: 100, Y: 100}}})
	c := charts.Lines(charts.Axes{X: "% of nodes, those that sent least first", Unit: "% of all bytes sent"}, lines)
	s.add(Plot{Name: s.name("lorenz", nil), Group: "load",
		Caption: "Lorenz curves"}, c, text)
}

func lorenzPoints(run *metrics.Report) []charts.Point {
	points := make([]charts.Point, 0, len(run.Lorenz))
	for _, p := range run.Lorenz {
		points = append(points, charts.Point{X: p.Nodes * 100, Y: p.Sent * 100})
	}
	return points
}
