package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// A Plot is a chart with its place in the page.
type Plot struct {
	Name    string // of its files, without an ending; unique in the page
	Group   string
	Caption string // in the page, where the task is told around it
	Chart   *charts.Chart

	of *metrics.Case // nil: it is about several
}

// figure makes a plot ready to stand in the page.
func (p *Plot) figure(palette []charts.Color) (figure, error) {
	text, err := p.Chart.Inline("plot-"+p.Name, palette)
	if err != nil {
		return figure{}, fmt.Errorf("plot %s: %w", p.Name, err)
	}
	return figure{p.Group, p.Caption, template.HTML(text)}, nil // made by the chart library, which escapes text
}

// The groups of plots, each with a heading and a word on how to read them.
var groups = map[string]struct{ title, text, several string }{
	"load": {"Who sent how much", "All nodes of a run, on one scale: %s." +
		" The further a Lorenz curve hangs below the dashed line, the fewer nodes carry the load.",
		" Whiskers reach from the least to the most of several runs; thin lines are the other runs."},
	"done":  {"When each receiver was done", "Each receiver's share of the file over time; a mark where it held the whole, verified file.", ""},
	"queue": {"Who waits to be let in", "Connections that the kernel has made and the server has not accepted yet, at each reading of its load log: the accept queue.", ""},
	"rate":  {"Throughput of each node over time", "Rates between readings of the load logs, not totals. Each band is one node, all on one scale of rates and of time.", ""},
	"cost":  {"CPU and memory of each node", "Of the whole process, from its start to its end.", " Whiskers as above."},
}

// studio collects plots.
type studio struct {
	*view
	of    *metrics.Case
	drawn []Plot
}

// add takes a chart, and what it shows in words.
func (s *studio) add(p Plot, c *charts.Chart, words string) {
	p.Chart, p.of = c, s.of
	p.Chart.Title, p.Chart.Describe = p.Caption, words
	if s.of != nil {
		p.Chart.Title += " – " + s.of.Task()
	}
	s.drawn = append(s.drawn, p)
}

// draw draws all plots of the page, in its order.
func (v *view) draw() []Plot {
	s := &studio{view: v}
	s.over()
	for _, s.of = range v.Cases {
		s.loads()
		s.lorenz()
		s.steps()
		if s.of == v.main() {
			s.progress()
			s.queues()
			s.rates()
			s.costs()
		}
	}
	return s.unique()
}

// unique gives plots of one name different ones.
func (s *studio) unique() []Plot {
	seen := make(map[string]int)
	for i := range s.drawn {
		name := s.drawn[i].Name
		if seen[name]++; seen[name] > 1 {
			s.drawn[i].Name = fmt.Sprintf("%s-%d", name, seen[name])
		}
	}
	return s.drawn
}

// name makes the name of a plot of the case.
func (s *studio) name(kind string, series *metrics.Series) string {
	parts := []string{kind}
	if series != nil {
		parts = append(parts, series.Label())
	}
	parts = append(parts, fmt.Sprint(s.of.Receivers))
	if s.sizes() > 1 {
		parts = append(parts, units.Bytes(s.of.FileBytes))
	}
	return slug(strings.Join(parts, "-"))
}

// sizes counts the sizes of files in the page.
func (v *view) sizes() int {
	seen := make(map[int64]bool)
	for _, cs := range v.Cases {
		seen[cs.FileBytes] = true
	}
	return len(seen)
}

// slug makes a name that every file system takes.
func slug(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ':
			return '_'
		}
		return -1
	}, s), "-._")
}

// look returns the look of a series.
func (v *view) look(series *metrics.Series) charts.Look {
	l := charts.SystemLook(series.System, v.which(series.Set))
	l.Under = v.above(series.System)
	return l
}

// bound returns the look of a system's bound.
func (v *view) bound(of *system.System) charts.Look {
	l := charts.SystemLook(of, 0)
	l.Under = v.above(of)
	return l.Bound()
}

// above is how many lines lie close upon that of a system: a server takes about
// as long however it is asked.
func (v *view) above(of *system.System) int {
	n := 0
	for _, s := range systemsOf(v.Cases) {
		if of.Asks != nil && s.Asks != nil && s.Head().Name == of.Head().Name && system.Compare(s, of) > 0 {
			n++
		}
	}
	return n
}

// which numbers the sets of the page.
func (v *view) which(set string) int {
	return max(0, slices.IndexFunc(v.Folders, func(f *Folder) bool { return f.Set == set }))
}

// run finds the logs of a run; nil if they are not here.
func (v *view) run(r *metrics.Report) *runlogs.Run {
	for _, run := range v.Runs {
		if run.System.Name == r.System.Name && run.Name == r.Name && run.Set == r.Set {
			return run
		}
	}
	return nil
}

// scale finds the unit to count so many bytes in.
func scale(largest float64) (divisor float64, unit string) {
	switch {
	case largest >= 2<<30:
		return 1 << 30, "GiB"
	case largest >= 2<<20:
		return 1 << 20, "MiB"
	case largest >= 2<<10:
		return 1 << 10, "KiB"
	}
	return 1, "bytes"
}

// rateScale does so for bytes per second, which links have as bits.
func rateScale(largest float64) (divisor float64, unit string) {
	switch bits := largest * 8; {
	case bits >= 2e9:
		return 1e9 / 8, "Gbit/s"
	case bits >= 2e6:
		return 1e6 / 8, "Mbit/s"
	default:
		return 1e3 / 8, "kbit/s"
	}
}
