package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
)

const sinceStart = "seconds since the first receiver started"

// steps draws how many receivers were done at each time.
func (s *studio) steps() {
	var lines []charts.Series
	text := ""
	for _, series := range s.of.Series {
		typical := series.Typical()
		for _, run := range series.Runs {
			if run != typical {
				lines = append(lines, charts.Series{Look: s.look(series).Behind(), Points: stepPoints(run)})
			}
		}
		look := s.look(series)
		look.AtEnd = true
		line := charts.Series{Name: series.Label(), Look: look, Points: stepPoints(typical)}
		if len(line.Points) < 2 {
			line.Name += " (none done)"
		} else {
			last := line.Points[len(line.Points)-1]
			text += fmt.Sprintf("%s: %.0f of %d done after %s. ", series.Label(), last.Y, s.of.Receivers, Value(last.X, metrics.Seconds))
		}
		lines = append(lines, line)
	}
	axes := charts.Axes{X: sinceStart, Unit: "receivers that hold the whole file", MaxY: float64(s.of.Receivers), Whole: true}
	c := charts.Lines(axes, lines)
	s.add(Plot{Name: s.name("done", nil), Group: "done",
		Caption: fmt.Sprintf("Receivers that were done, of %d", s.of.Receivers)}, c, text)
}

// stepPoints climbs one step with each receiver that is done.
func stepPoints(run *metrics.Report) []charts.Point {
	var times []float64
	for _, row := range run.Nodes {
		if row.DoneSeconds != nil && row.Part == metrics.Receiver {
			times = append(times, *row.DoneSeconds)
		}
	}
	slices.Sort(times)
	points := []charts.Point{{X: 0, Y: 0}}
	for i, t := range times {
		points = append(points, charts.Point{X: t, Y: float64(i)}, charts.Point{X: t, Y: float64(i + 1)})
	}
	return points
}

// end is when the last receiver of the typical run was done, or the last
// reading was taken if some never were.
func (v *view) end(series *metrics.Series) float64 {
	typical := series.Typical()
	if t, ok := typical.Value(metrics.Distribution); ok {
		return t
	}
	end := 0.0
	if run := v.run(typical); run != nil {
		for _, n := range run.Logs {
			end = max(end, n.Start.Sub(run.Start).Seconds()+n.EndSeconds)
		}
	}
	return end
}

// progress draws the share of the file that each receiver holds over time.
func (s *studio) progress() {
	end := 0.0
	for _, series := range s.of.Series {
		end = max(end, s.end(series))
	}
	for _, series := range s.of.Series {
		run := s.run(series.Typical())
		if run == nil || run.FileBytes == 0 {
			continue
		}
		lines, done := progressLines(run, s.look(series))
		c := charts.Lines(charts.Axes{
			X: sinceStart, Unit: "% of the file held", MaxX: end, MaxY: 100, Events: s.events(series.Typical()),
		}, lines)
		s.add(Plot{Name: s.name("progress", series), Group: "done",
			Caption: "What each receiver held: " + series.Label()}, c, fmt.Sprintf("%d of %d receivers reach 100 %%", done, s.of.Receivers))
	}
}

// queues draws how many connections waited at the origin to be accepted; nothing
// if none did.
func (s *studio) queues() {
	var lines []charts.Series
	longest, text := 0, ""
	for _, series := range s.of.Series {
		run, most := s.run(series.Typical()), 0
		if run == nil {
			continue
		}
		line := charts.Series{Name: series.Label(), Look: s.look(series)}
		for i, log := range run.Logs {
			for _, p := range log.Points {
				at := log.Start.Sub(run.Start).Seconds() + p.Seconds
				if run.Nodes[i].Part == metrics.Origin && p.AcceptQueue != nil && at >= 0 && at <= s.end(series) {
					most = max(most, *p.AcceptQueue)
					line.Points = append(line.Points, charts.Point{X: at, Y: float64(*p.AcceptQueue)})
				}
			}
		}
		longest, lines = max(longest, most), append(lines, line)
		text += fmt.Sprintf("%s: up to %d. ", series.Label(), most)
	}
	if longest == 0 {
		return
	}
	axes := charts.Axes{X: sinceStart, Unit: "connections that wait to be accepted", Whole: true}
	s.add(Plot{Name: s.name("queue", nil), Group: "queue", Caption: "Accept queue of the origin"}, charts.Lines(axes, lines), text)
}

// events are the faults that were made in a run.
func (v *view) events(r *metrics.Report) []charts.Event {
	record := v.record(r)
	if record == nil {
		return nil
	}
	var all []charts.Event
	for _, f := range record.Faults {
		if f.Seconds != nil {
			all = append(all, charts.Event{At: *f.Seconds, Name: f.Fault})
		}
	}
	slices.SortStableFunc(all, func(a, b charts.Event) int { return cmp.Compare(a.At, b.At) })
	return all
}

// progressLines returns a line for each receiver and a mark for each that is
// done.
func progressLines(run *runlogs.Run, look charts.Look) (lines []charts.Series, done int) {
	marks := charts.Series{Name: "holds the whole file", Look: charts.Look{Color: look.Color, Mark: look.Mark, Stroke: charts.Nothing}}
	name := "each receiver"
	for i, n := range run.Nodes {
		if n.Part != metrics.Receiver {
			continue
		}
		lines = append(lines, charts.Series{Name: name, Points: heldPoints(run, i), Look: charts.Look{Color: look.Color, Faint: true}})
		name = ""
		if n.DoneSeconds != nil {
			done++
			marks.Points = append(marks.Points, charts.Point{X: *n.DoneSeconds, Y: 100})
		}
	}
	return append(lines, marks), done
}

// heldPoints is the share of the file that a node held at each reading.
func heldPoints(run *runlogs.Run, i int) []charts.Point {
	log, done := run.Logs[i], run.Nodes[i].DoneSeconds
	offset := log.Start.Sub(run.Start).Seconds()
	var points []charts.Point
	for _, p := range log.Points {
		at := offset + p.Seconds
		if done != nil && at >= *done {
			break
		}
		points = append(points, charts.Point{X: at, Y: min(100, 100*float64(p.HaveBytes)/float64(run.FileBytes))})
	}
	if done != nil {
		points = append(points, charts.Point{X: *done, Y: 100})
	}
	return points
}

// rates draws what each node sent and received in each second, all systems on
// one scale.
func (s *studio) rates() {
	type drawing struct {
		series *metrics.Series
		lanes  []charts.Lane
	}
	var all []drawing
	var beside []charts.Lane
	highest, end := 0.0, 0.0
	for _, series := range s.of.Series {
		run := s.run(series.Typical())
		if run == nil {
			continue
		}
		own := s.end(series)
		lanes, level := lanesOf(run, charts.SystemColor(series.System), own*1.02)
		all = append(all, drawing{series, lanes})
		highest, end, beside = max(highest, level), max(end, own*1.02), append(beside, lanes...)
	}
	divisor, unit := rateScale(highest)
	band := fmt.Sprintf("a full band is %.3g %s", highest/divisor, unit)
	for _, d := range all {
		c := charts.Lanes(charts.LaneScale{
			X: sinceStart, Unit: band, MaxX: end, Highest: highest, Beside: beside,
			Area: "sent", Line: "received", DoneName: "done", LimitName: "uplink", Events: s.events(d.series.Typical()),
		}, d.lanes)
		s.add(Plot{Name: s.name("throughput", d.series), Group: "rate",
			Caption: "Throughput of each node: " + d.series.Label()}, c, fmt.Sprintf("%d nodes; %s", len(d.lanes), band))
	}
}

// lanesOf returns what each node of a run sent and received until end, and the
// highest level of all: a rate, or an uplink that was used at least by half.
func lanesOf(run *runlogs.Run, color charts.Color, end float64) (lanes []charts.Lane, highest float64) {
	uplink := 0.0
	for i, log := range run.Logs {
		if run.Nodes[i].Part == metrics.Idle {
			continue
		}
		offset := log.Start.Sub(run.Start).Seconds()
		lane := charts.Lane{Name: log.Node, Color: color, Done: run.Nodes[i].DoneSeconds}
		lane.Area = ratesOf(log.Points, offset, end, func(p *runlogs.Point) int64 { return p.OutBytes })
		lane.Line = ratesOf(log.Points, offset, end, func(p *runlogs.Point) int64 { return p.InBytes })
		if run.Nodes[i].Part == metrics.Origin {
			lane.Line = nil
		}
		if up := run.Nodes[i].Up; !math.IsInf(up, 0) {
			lane.Limit, uplink = up, max(uplink, up)
		}
		for _, s := range slices.Concat(lane.Area, lane.Line) {
			highest = max(highest, s.Level)
		}
		lanes = append(lanes, lane)
	}
	if uplink <= 2*highest {
		highest = max(highest, uplink)
	}
	return lanes, highest
}

// ratesOf returns bytes per second between readings. Readings closer together
// than a fifth of a second, or a 120th of the whole, are taken as one.
func ratesOf(points []runlogs.Point, offset, end float64, read func(*runlogs.Point) int64) []charts.Step {
	shortest := max(0.2, end/120)
	var steps []charts.Step
	last := 0
	for i := 1; i < len(points); i++ {
		from, to := points[last].Seconds, points[i].Seconds
		if to-from < shortest*0.9 && i < len(points)-1 || to <= from {
			continue
		}
		level := max(0, float64(read(&points[i])-read(&points[last]))/(to-from))
		last = i
		if offset+to < 0 || offset+from >= end {
			continue
		}
		steps = append(steps, charts.Step{From: max(0, offset+from), To: min(end, offset+to), Level: level})
	}
	return steps
}
