package page

import (
	"fmt"
	"html/template"
	"slices"

	"starmesh/cmd/internal/lab/charts"
	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/evidence"
	"starmesh/cmd/internal/lab/figures"
)

const mebi = 1 << 20

// plots draws what one scene has to show.
func (p *Page) plots(scene *comparison.Scene) ([]template.HTML, error) {
	d := &drawing{}
	highest := 0.0
	for i := range scene.Series {
		for _, row := range scene.Series[i].Typical().Nodes {
			highest = max(highest, float64(row.PayloadOutBytes)/mebi)
		}
	}
	var lorenz, completion []charts.Series
	for i := range scene.Series {
		s := &scene.Series[i]
		run := s.Typical()
		d.add(charts.Bars(s.System+": sent by each node", "MiB", loadBars(run), highest*1.05))
		lorenz = append(lorenz, charts.Series{Name: s.System, Color: charts.SystemColor(s.System), Points: lorenzPoints(run)})
		completion = append(completion, charts.Series{Name: s.System, Color: charts.SystemColor(s.System), Points: completionPoints(run)})
	}
	lorenz = append(lorenz, charts.Series{Name: "even", Color: charts.Gray, Dashed: true,
		Points: []charts.Point{{X: 0, Y: 0}, {X: 1, Y: 1}}})
	d.add(charts.Lines("Lorenz curve: how evenly the load is spread", "share of nodes, those that sent least first", "share of bytes sent", lorenz))
	d.add(charts.Lines("receivers that hold the whole file", "seconds since the first receiver started", "receivers", completion))
	for i := range scene.Series {
		run := scene.Series[i].Typical()
		if history := p.history(run); history != nil {
			d.add(charts.Lines(run.System+": payload sent over time", "seconds since the first receiver started", "MiB", history))
		}
	}
	return d.done, d.err
}

// drawing collects charts as HTML.
type drawing struct {
	done []template.HTML
	err  error
}

func (d *drawing) add(c *charts.Chart, err error) {
	if err == nil && d.err == nil {
		var text []byte
		text, err = c.SVG()
		d.done = append(d.done, template.HTML(text)) // made by the chart library, which escapes text
	}
	if d.err == nil {
		d.err = err
	}
}

func loadBars(run *figures.Report) []charts.Bar {
	bars := make([]charts.Bar, 0, len(run.Nodes))
	for _, row := range run.Nodes {
		bars = append(bars, charts.Bar{Name: row.Node, Value: float64(row.PayloadOutBytes) / mebi, Color: charts.SystemColor(run.System)})
	}
	return bars
}

func lorenzPoints(run *figures.Report) []charts.Point {
	points := make([]charts.Point, 0, len(run.Lorenz))
	for _, p := range run.Lorenz {
		points = append(points, charts.Point{X: p.Nodes, Y: p.Sent})
	}
	return points
}

// completionPoints climbs one step with each receiver that is done.
func completionPoints(run *figures.Report) []charts.Point {
	var times []float64
	for _, row := range run.Nodes {
		if row.DoneSeconds != nil {
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

// maxLines is how many nodes a plot over time shows: the busiest.
const maxLines = 12

// history draws what the busiest nodes of a run had sent at each time; nil if
// its logs are not here.
func (p *Page) history(report *figures.Report) []charts.Series {
	i := slices.IndexFunc(p.Runs, func(r evidence.Run) bool { return r.System == report.System && r.Name == report.Name })
	if i < 0 {
		return nil
	}
	run := &p.Runs[i]
	logs := slices.SortedStableFunc(slices.Values(run.Logs), func(a, b *evidence.Node) int {
		return int(b.Last.PayloadOutBytes>>10 - a.Last.PayloadOutBytes>>10)
	})
	palette := []charts.Series{{Color: charts.Orange}, {Color: charts.Blue}, {Color: charts.Green}, {Color: charts.Purple}, {Color: charts.Gray}}
	var lines []charts.Series
	for _, n := range logs[:min(len(logs), maxLines)] {
		if n.Last.PayloadOutBytes == 0 {
			continue
		}
		line := charts.Series{Name: n.Node, Color: palette[len(lines)%len(palette)].Color}
		for _, point := range n.Points {
			at := n.Start.Sub(run.Start).Seconds() + point.Seconds
			line.Points = append(line.Points, charts.Point{X: at, Y: float64(point.OutBytes) / mebi})
		}
		lines = append(lines, line)
	}
	return lines
}

// across draws times over the number of receivers, for each file size that was
// sent to more than one number of them.
func across(scenes []comparison.Scene) ([]template.HTML, error) {
	d := &drawing{}
	for i := 0; i < len(scenes); {
		until := i
		for until < len(scenes) && scenes[until].FileBytes == scenes[i].FileBytes {
			until++
		}
		if scenes[until-1].Receivers > scenes[i].Receivers {
			d.add(charts.Lines("distribution time", "receivers", "seconds", timesOver(scenes[i:until])))
		}
		i = until
	}
	return d.done, d.err
}

func timesOver(scenes []comparison.Scene) []charts.Series {
	var all []charts.Series
	line := func(name, system string, dashed bool) *charts.Series {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
		all = append(all, charts.Series{Name: name, Color: charts.SystemColor(system), Dashed: dashed})
		return &all[len(all)-1]
	}
	for _, scene := range scenes {
		n := float64(scene.Receivers)
		for i := range scene.Series {
			s := &scene.Series[i]
			if f := s.Get(figures.Distribution); f != nil && f.Median != nil {
				l := line(s.System, s.System, false)
				l.Points = append(l.Points, charts.Point{X: n, Y: *f.Median, Low: *f.Min, High: *f.Max})
			}
			if f := s.Get(figures.BoundSeconds); f != nil && f.Median != nil {
				l := line(fmt.Sprintf("bound of the %s", s.System), s.System, true)
				l.Points = append(l.Points, charts.Point{X: n, Y: *f.Median})
			}
		}
	}
	return all
}
