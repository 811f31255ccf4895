package report

import (
	"fmt"
	"slices"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// over draws what grows with the number of receivers, for each file size.
func (s *studio) over() {
	cases := s.Cases
	for i := 0; i < len(cases); {
		until := i
		for until < len(cases) && cases[until].FileBytes == cases[i].FileBytes {
			until++
		}
		s.overSize(cases[i:until])
		i = until
	}
}

// overSize draws the cases of one file size.
func (s *studio) overSize(cases []*metrics.Case) {
	size := units.Bytes(cases[0].FileBytes)
	name := func(kind string) string {
		if s.sizes() > 1 {
			return slug(kind + "-" + size)
		}
		return kind
	}
	if cases[len(cases)-1].Receivers == cases[0].Receivers {
		for i := range cases { // one number of receivers, perhaps over several kinds of links
			s.timeBars(cases[i], name("time"))
		}
		return
	}
	var at []float64
	for i := range cases {
		at = append(at, float64(cases[i].Receivers))
	}
	axes := charts.Axes{X: "receivers (N)", Unit: "seconds until all have it", At: at}
	c := charts.Lines(axes, append(s.medians(cases, metrics.Distribution), s.bounds(cases)...))
	s.add(Plot{Name: name("time"), Group: "time", Caption: fmt.Sprintf("Distribution time of %s against the number of receivers", size)}, c, describe(cases, metrics.Distribution))
	axes.Unit = "copies of the file sent by the origin"
	c = charts.Lines(axes, s.medians(cases, metrics.OriginCopies))
	s.add(Plot{Name: name("copies"), Group: "time", Caption: "What the origin had to send, against the number of receivers"}, c, describe(cases, metrics.OriginCopies))
}

// timeBars draws the time of each system, when there is but one N.
func (s *studio) timeBars(cs *metrics.Case, name string) {
	var bars []charts.Bar
	for _, series := range cs.Series {
		b := charts.Bar{Name: series.Label(), Color: charts.SystemColor(series.System), Missing: true}
		if f := series.Get(metrics.Distribution); f != nil && f.Median != nil {
			b.Value, b.Low, b.High, b.Missing = *f.Median, *f.Min, *f.Max, false
		}
		b.Bound, _ = series.Median(metrics.BoundSeconds)
		bars = append(bars, b)
	}
	c := charts.Bars("", "seconds until all have it", bars, 0)
	s.add(Plot{Name: name, Group: "time", Caption: "Distribution time of " + cs.Task()}, c, describe([]*metrics.Case{cs}, metrics.Distribution))
}

// describe says in words what a plot over N shows.
func describe(cases []*metrics.Case, key metrics.Key) string {
	text := ""
	for _, cs := range cases {
		text += units.Counted(cs.Receivers, "receiver") + ":"
		for _, r := range rowsOf(cs, key, "") {
			text += " " + r.Label + " " + r.Value + ","
		}
		text = text[:len(text)-1] + ". "
	}
	return text
}

// medians returns a line for each system and set.
func (v *view) medians(cases []*metrics.Case, key metrics.Key) (all []charts.Series) {
	for _, cs := range cases {
		for _, series := range cs.Series {
			if f := series.Get(key); f != nil && f.Median != nil {
				line := named(&all, series.Label(), v.look(series))
				line.Points = append(line.Points, charts.Point{X: float64(cs.Receivers), Y: *f.Median, Low: *f.Min, High: *f.Max})
			}
		}
	}
	return all
}

// bounds returns the bounds. Systems and sets that have the same one share it.
func (v *view) bounds(cases []*metrics.Case) (all []charts.Series) {
	for _, cs := range cases {
		for _, series := range cs.Series {
			bound, ok := series.Median(metrics.BoundSeconds)
			if !ok {
				continue
			}
			kind := series.System.Head()
			point := charts.Point{X: float64(cs.Receivers), Y: bound}
			line := named(&all, "bound of a "+kind.Name, v.bound(kind))
			if !slices.Contains(line.Points, point) {
				line.Points = append(line.Points, point)
			}
		}
	}
	return all
}

// named finds the line of that name, or begins it.
func named(all *[]charts.Series, name string, look charts.Look) *charts.Series {
	for i := range *all {
		if (*all)[i].Name == name {
			return &(*all)[i]
		}
	}
	*all = append(*all, charts.Series{Name: name, Look: look})
	return &(*all)[len(*all)-1]
}
