package report

import (
	"fmt"
	"html/template"
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
	return figure{Caption: p.Caption, SVG: template.HTML(text)}, nil // made by the chart library, which escapes text
}

// The groups of plots, each with a heading and a word on how to read them.
var groups = map[string]struct{ title, text, several string }{
	"load": {"Who sent how much", "All nodes of a run, on one scale: %s." +
		" The further a Lorenz curve hangs below the dashed line, the fewer nodes carry the load.",
		" Whiskers reach from the least to the most of several runs; thin lines are the other runs."},
	"done": {"When each receiver was done", "Each receiver's share of the file over time; a mark where it held the whole, verified file.", ""},
	"rate": {"Throughput of each node over time", "Rates between readings of the load logs, not totals. Each band is one node, all on one scale of rates; each system has a time axis of its own.", ""},
	"cost": {"CPU and memory of each node", "Of the whole process, from its start to its end.", " Whiskers as above."},
}

// studio collects plots.
type studio struct {
	page  *Page
	of    *metrics.Case
	plots []Plot
}

// add takes a chart, and what it shows in words.
func (s *studio) add(p Plot, c *charts.Chart, words string) {
	p.Chart, p.of = c, s.of
	p.Chart.Title, p.Chart.Describe = p.Caption, words
	if s.of != nil {
		p.Chart.Title += " – " + s.task()
	}
	s.plots = append(s.plots, p)
}

// task says what the case is about, for a plot that stands alone.
func (s *studio) task() string {
	return fmt.Sprintf("%s to %s", units.Bytes(s.of.FileBytes), units.Counted(s.of.Receivers, "receiver"))
}

// plots draws all plots of the page, in its order.
func (p *Page) plots() []Plot {
	s := &studio{page: p}
	s.over()
	main := p.main()
	for i := range p.Cases {
		s.of = &p.Cases[i]
		s.loads()
		s.lorenz()
		s.steps()
		if s.of == main {
			s.progress()
			s.rates()
			s.costs()
		}
	}
	return s.unique()
}

// unique gives plots of one name different ones.
func (s *studio) unique() []Plot {
	seen := make(map[string]int)
	for i := range s.plots {
		name := s.plots[i].Name
		if seen[name]++; seen[name] > 1 {
			s.plots[i].Name = fmt.Sprintf("%s-%d", name, seen[name])
		}
	}
	return s.plots
}

// name makes the name of a plot of the case.
func (s *studio) name(kind string, series *metrics.Series) string {
	parts := []string{kind}
	if series != nil {
		parts = append(parts, series.Label())
	}
	parts = append(parts, fmt.Sprint(s.of.Receivers))
	if s.page.sizes() > 1 {
		parts = append(parts, units.Bytes(s.of.FileBytes))
	}
	return slug(strings.Join(parts, "-"))
}

// sizes counts the sizes of files in the page.
func (p *Page) sizes() int {
	seen := make(map[int64]bool)
	for i := range p.Cases {
		seen[p.Cases[i].FileBytes] = true
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

// look returns the look of a series of the case.
func (s *studio) look(series *metrics.Series) charts.Look {
	l := charts.SystemLook(series.System, s.page.which(series.Set))
	l.Under = s.page.above(series.System)
	return l
}

// bound returns the look of a system's bound.
func (s *studio) bound(of *system.System) charts.Look {
	l := charts.SystemLook(of, 0)
	l.Under = s.page.above(of)
	return l.Bound()
}

// above is how many lines lie close upon that of a system: a server takes about
// as long however it is asked.
func (p *Page) above(of *system.System) int {
	n := 0
	for _, s := range systemsOf(p.Cases) {
		if of.Asks != nil && s.Asks != nil && s.Head().Name == of.Head().Name && system.Compare(s, of) > 0 {
			n++
		}
	}
	return n
}

// which numbers the sets of the page.
func (p *Page) which(set string) int {
	for i := range p.Folders {
		if p.Folders[i].Set == set {
			return i
		}
	}
	return 0
}

// run finds the logs of a run; nil if they are not here.
func (p *Page) run(r *metrics.Report) *runlogs.Run {
	for i := range p.Runs {
		if run := &p.Runs[i]; run.System.Name == r.System.Name && run.Name == r.Name && run.Set == r.Set {
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
