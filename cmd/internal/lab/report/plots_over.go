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
	cases := s.page.Cases
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
func (s *studio) overSize(cases []metrics.Case) {
	size := units.Bytes(cases[0].FileBytes)
	name := func(kind string) string {
		if s.page.sizes() > 1 {
			return slug(kind + "-" + size)
		}
		return kind
	}
	if cases[len(cases)-1].Receivers == cases[0].Receivers {
		for i := range cases { // one number of receivers, perhaps over several kinds of links
			s.timeBars(&cases[i], name("time"))
		}
		return
	}
	var at []float64
	for i := range cases {
		at = append(at, float64(cases[i].Receivers))
	}
	axes := charts.Axes{X: "receivers (N)", Unit: "seconds until all have it", At: at}
	c := charts.Lines(axes, s.timesOver(cases))
	s.add(Plot{Name: name("time"), Group: "time", Caption: fmt.Sprintf("Distribution time of %s against the number of receivers", size)}, c, describe(cases, metrics.Distribution))
	axes.Unit = "copies of the file sent by the origin"
	c = charts.Lines(axes, s.medians(cases, metrics.OriginCopies))
	s.add(Plot{Name: name("copies"), Group: "time", Caption: "What the origin had to send, against the number of receivers"}, c, describe(cases, metrics.OriginCopies))
}

// timeBars draws the time of each system, when there is but one N.
func (s *studio) timeBars(cs *metrics.Case, name string) {
	var bars []charts.Bar
	for i := range cs.Series {
		series := &cs.Series[i]
		b := charts.Bar{Name: series.Label(), Color: charts.SystemColor(series.System), Missing: true}
		if f := series.Get(metrics.Distribution); f != nil && f.Median != nil {
			b.Value, b.Low, b.High, b.Missing = *f.Median, *f.Min, *f.Max, false
		}
		if f := series.Get(metrics.BoundSeconds); f != nil && f.Median != nil {
			b.Bound = *f.Median
		}
		bars = append(bars, b)
	}
	c := charts.Bars("", "seconds until all have it", bars, 0)
	s.add(Plot{Name: name, Group: "time", Caption: fmt.Sprintf("Distribution time of %s to %s", units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))}, c, describe([]metrics.Case{*cs}, metrics.Distribution))
}

// describe says in words what a plot over N shows.
func describe(cases []metrics.Case, key metrics.Key) string {
	text := ""
	for i := range cases {
		text += units.Counted(cases[i].Receivers, "receiver") + ":"
		for _, r := range rowsOf(&cases[i], key, "") {
			text += " " + r.Label + " " + r.Value + ","
		}
		text = text[:len(text)-1] + ". "
	}
	return text
}

// timesOver returns measured times with their bounds.
func (s *studio) timesOver(cases []metrics.Case) []charts.Series {
	all := s.medians(cases, metrics.Distribution)
	return append(all, s.boundsOver(cases)...)
}

// medians returns a line for each system and set.
func (s *studio) medians(cases []metrics.Case, key metrics.Key) []charts.Series {
	var all []charts.Series
	for i := range cases {
		for j := range cases[i].Series {
			series := &cases[i].Series[j]
			f := series.Get(key)
			if f == nil || f.Median == nil {
				continue
			}
			line := named(&all, series.Label(), s.look(series))
			line.Points = append(line.Points, charts.Point{X: float64(cases[i].Receivers), Y: *f.Median, Low: *f.Min, High: *f.Max})
		}
	}
	return all
}

// boundsOver returns the bounds. Systems and sets that have the same one share
// it.
func (s *studio) boundsOver(cases []metrics.Case) []charts.Series {
	var all []charts.Series
	for i := range cases {
		for j := range cases[i].Series {
			series := &cases[i].Series[j]
			f := series.Get(metrics.BoundSeconds)
			if f == nil || f.Median == nil {
				continue
			}
			kind := series.System.Head()
			point := charts.Point{X: float64(cases[i].Receivers), Y: *f.Median}
			line := named(&all, "bound of a "+kind.Name, s.bound(kind))
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
