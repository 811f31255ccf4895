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
	scenes := s.page.Scenes
	for i := 0; i < len(scenes); {
		until := i
		for until < len(scenes) && scenes[until].FileBytes == scenes[i].FileBytes {
			until++
		}
		s.overSize(scenes[i:until])
		i = until
	}
}

// overSize draws the scenes of one file size.
func (s *studio) overSize(scenes []metrics.Case) {
	size := units.Bytes(scenes[0].FileBytes)
	name := func(kind string) string {
		if s.page.sizes() > 1 {
			return slug(kind + "-" + size)
		}
		return kind
	}
	if scenes[len(scenes)-1].Receivers == scenes[0].Receivers {
		for i := range scenes { // one number of receivers, perhaps over several kinds of links
			s.timeBars(&scenes[i], name("time"))
		}
		return
	}
	var at []float64
	for i := range scenes {
		at = append(at, float64(scenes[i].Receivers))
	}
	axes := charts.Axes{X: "receivers (N)", Unit: "seconds until all have it", At: at}
	c := charts.Lines(axes, s.timesOver(scenes))
	s.add(Plot{Name: name("time"), Group: "time", Caption: fmt.Sprintf("Distribution time of %s against the number of receivers", size)}, c, describe(scenes, metrics.Distribution))
	axes.Unit = "copies of the file sent by the origin"
	c = charts.Lines(axes, s.medians(scenes, metrics.OriginCopies))
	s.add(Plot{Name: name("copies"), Group: "time", Caption: "What the origin had to send, against the number of receivers"}, c, describe(scenes, metrics.OriginCopies))
}

// timeBars draws the time of each system, when there is but one N.
func (s *studio) timeBars(scene *metrics.Case, name string) {
	var bars []charts.Bar
	for i := range scene.Series {
		series := &scene.Series[i]
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
	s.add(Plot{Name: name, Group: "time", Caption: fmt.Sprintf("Distribution time of %s to %s", units.Bytes(scene.FileBytes), receivers(scene.Receivers))}, c, describe([]metrics.Case{*scene}, metrics.Distribution))
}

// describe says in words what a plot over N shows.
func describe(scenes []metrics.Case, key metrics.Key) string {
	text := ""
	for i := range scenes {
		text += receivers(scenes[i].Receivers) + ":"
		for _, r := range rowsOf(&scenes[i], key, "") {
			text += " " + r.Label + " " + r.Value + ","
		}
		text = text[:len(text)-1] + ". "
	}
	return text
}

// timesOver gives measured times with their bounds.
func (s *studio) timesOver(scenes []metrics.Case) []charts.Series {
	all := s.medians(scenes, metrics.Distribution)
	return append(all, s.boundsOver(scenes)...)
}

// medians gives a line for each system and set.
func (s *studio) medians(scenes []metrics.Case, key metrics.Key) []charts.Series {
	var all []charts.Series
	for i := range scenes {
		for j := range scenes[i].Series {
			series := &scenes[i].Series[j]
			f := series.Get(key)
			if f == nil || f.Median == nil {
				continue
			}
			line := named(&all, series.Label(), s.look(series))
			line.Points = append(line.Points, charts.Point{X: float64(scenes[i].Receivers), Y: *f.Median, Low: *f.Min, High: *f.Max})
		}
	}
	return all
}

// boundsOver returns the bounds. Systems and sets that have the same one share
// it.
func (s *studio) boundsOver(scenes []metrics.Case) []charts.Series {
	var all []charts.Series
	for i := range scenes {
		for j := range scenes[i].Series {
			series := &scenes[i].Series[j]
			f := series.Get(metrics.BoundSeconds)
			if f == nil || f.Median == nil {
				continue
			}
			kind := series.System.Head()
			point := charts.Point{X: float64(scenes[i].Receivers), Y: *f.Median}
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
