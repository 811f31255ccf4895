package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// A Case is what several systems did with the same task.
type Case struct {
	Receivers int       `json:"receivers"`
	FileBytes int64     `json:"file_bytes"`
	Series    []*Series `json:"series"` // in the order of system.Compare
	// Warnings tell why the systems may not be comparable.
	Warnings []string `json:"warnings,omitempty"`
}

// A Series is the runs of one system in a case.
type Series struct {
	System  *system.System `json:"system"`
	Set     string         `json:"set,omitempty"` // as metrics.Head.Set
	Runs    []*Report      `json:"-"`
	Names   []string       `json:"runs"`
	Spreads []Spread       `json:"figures"`
}

// A Spread is one figure over the runs of a series.
type Spread struct {
	Key Key `json:"key"`
	// Median is of the runs that have the figure, Min and Max are too; nil if
	// none has. Of an even number of runs the median is the mean of the two in
	// the middle.
	Median *float64 `json:"median,omitempty"`
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Have   int      `json:"runs"` // that have the figure
	Of     int      `json:"of"`   // runs in all
	// Relative is the median over that of the first system of the case; nil
	// if either is absent or that is 0.
	Relative *float64 `json:"relative,omitempty"`
	Absent   string   `json:"absent,omitempty"` // why runs do not have it
	Notes    []string `json:"notes,omitempty"`
	Doubts   []string `json:"doubts,omitempty"`
}

// Compare sets reports side by side. Cases come in the order of their size and
// number of receivers.
func Compare(reports []*Report) []*Case {
	var cases []*Case
	for _, set := range sameTask(reports) {
		cases = append(cases, newCase(set))
	}
	slices.SortStableFunc(cases, func(a, b *Case) int {
		return cmp.Or(cmp.Compare(a.FileBytes, b.FileBytes), cmp.Compare(a.Receivers, b.Receivers))
	})
	return cases
}

// Label names the series among others: its system, and its set where there are
// several.
func (s *Series) Label() string {
	if s.Set == "" {
		return s.System.Name
	}
	return s.System.Name + " (" + s.Set + ")"
}

// Get returns a figure of the series; nil if it has none of that name.
func (s *Series) Get(key Key) *Spread {
	if i := slices.IndexFunc(s.Spreads, func(f Spread) bool { return f.Key == key }); i >= 0 {
		return &s.Spreads[i]
	}
	return nil
}

// Median returns the median of a figure; not ok if the series, which may be nil,
// does not have it.
func (s *Series) Median(key Key) (median float64, ok bool) {
	if s == nil {
		return 0, false
	}
	f := s.Get(key)
	if f == nil || f.Median == nil {
		return 0, false
	}
	return *f.Median, true
}

// Typical returns the run to show when only one can be: that with the
// distribution time in the middle.
func (s *Series) Typical() *Report {
	took := func(r *Report) float64 {
		if t, ok := r.Value(Distribution); ok {
			return t
		}
		return math.Inf(1) // those that did not end come last
	}
	order := slices.SortedStableFunc(slices.Values(s.Runs), func(a, b *Report) int { return cmp.Compare(took(a), took(b)) })
	return order[(len(order)-1)/2]
}

// Task says what the systems were to do: 16 MiB to 4 receivers.
func (s *Case) Task() string {
	size := units.Bytes(s.FileBytes)
	if s.FileBytes == 0 {
		size = "nothing, or a file of unknown size,"
	}
	return size + " to " + units.Counted(s.Receivers, "receiver")
}

// Base is the system that the others are relative to.
func (s *Case) Base() string { return s.Series[0].Label() }

// First returns the first series of a system, which may be nil; nil if there is
// none.
func (s *Case) First(of *system.System) *Series {
	i := slices.IndexFunc(s.Series, func(t *Series) bool { return of != nil && t.System.Name == of.Name })
	if i < 0 {
		return nil
	}
	return s.Series[i]
}

// sameTask sorts reports into sets of one size, number of receivers and links.
// Two sets that differ in links alone, and have no system in common, are one:
// each was tried once, over links that were told differently. A system of two
// sets of runs counts as two.
func sameTask(reports []*Report) [][]*Report {
	var merged [][]*Report
	for _, set := range grouped(reports, func(a, b *Report) bool { return sameSize(a, b) && linksText(a) == linksText(b) }) {
		i := slices.IndexFunc(merged, func(other []*Report) bool {
			return sameSize(set[0], other[0]) && !slices.ContainsFunc(set, func(r *Report) bool {
				return slices.ContainsFunc(other, func(o *Report) bool { return sameSeries(o, r) })
			})
		})
		if i < 0 {
			merged = append(merged, set)
			continue
		}
		merged[i] = append(merged[i], set...)
	}
	return merged
}

// grouped puts together what is the same; groups come in the order of their
// first.
func grouped(all []*Report, same func(a, b *Report) bool) (groups [][]*Report) {
	for _, r := range all {
		i := slices.IndexFunc(groups, func(g []*Report) bool { return same(g[0], r) })
		if i < 0 {
			i, groups = len(groups), append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

func sameSize(a, b *Report) bool {
	return a.Receivers == b.Receivers && a.FileBytes == b.FileBytes
}

func sameSeries(a, b *Report) bool { return a.System.Name == b.System.Name && a.Set == b.Set }

// linksText writes the links of a run, in an order of their own.
func linksText(r *Report) string {
	var b strings.Builder
	write := func(limits []Limit) {
		var all []string
		for _, l := range limits {
			if l == nil {
				all = append(all, "-")
			} else {
				all = append(all, fmt.Sprint(*l))
			}
		}
		slices.Sort(all)
		fmt.Fprintf(&b, "%v;", all)
	}
	write([]Limit{r.Links.OriginUp})
	write(r.Links.Up)
	write(r.Links.Down)
	return b.String()
}

func newCase(reports []*Report) *Case {
	cs := &Case{Receivers: reports[0].Receivers, FileBytes: reports[0].FileBytes, Warnings: warnings(reports)}
	for _, runs := range grouped(reports, sameSeries) {
		cs.Series = append(cs.Series, newSeries(runs))
	}
	slices.SortStableFunc(cs.Series, func(a, b *Series) int { // sets stay in the order of their coming
		return system.Compare(a.System, b.System)
	})
	for _, s := range cs.Series {
		relate(cs.Series[0], s)
	}
	return cs
}

// warnings tell what was not the same.
func warnings(reports []*Report) []string {
	var all []string
	differ := func(f func(*Report) string) bool {
		return slices.ContainsFunc(reports[1:], func(r *Report) bool { return f(r) != f(reports[0]) })
	}
	if differ(linksText) {
		all = append(all, "the links were not the same, or not told the same way; times cannot be compared")
	}
	if differ(func(r *Report) string { return r.FileID }) {
		all = append(all, "the files were not the same, only their sizes")
	}
	if differ(func(r *Report) string { return r.Version }) {
		all = append(all, "the nodes ran different versions of the program")
	}
	return all
}

func newSeries(runs []*Report) *Series {
	s := &Series{System: runs[0].System, Set: runs[0].Set, Runs: runs}
	for _, r := range runs {
		s.Names = append(s.Names, r.Name)
	}
	for _, d := range Catalog() {
		if spread, ok := spreadOf(d.Key, runs); ok {
			s.Spreads = append(s.Spreads, spread)
		}
	}
	return s
}

// spreadOf gathers one figure; not ok if it does not apply to these runs.
func spreadOf(key Key, runs []*Report) (Spread, bool) {
	spread := Spread{Key: key}
	var values []float64
	for _, r := range runs {
		f := r.Figure(key)
		if f == nil {
			continue
		}
		spread.Of++
		if f.Value != nil {
			values = append(values, *f.Value)
		}
		spread.Absent = cmp.Or(spread.Absent, f.Absent)
		spread.Notes = withNew(spread.Notes, f.Note)
		spread.Doubts = withNew(spread.Doubts, f.Doubts...)
	}
	spread.Have = len(values)
	if len(values) > 0 {
		slices.Sort(values)
		spread.Median, spread.Min, spread.Max = new(Median(values)), &values[0], &values[len(values)-1]
	}
	return spread, spread.Of > 0
}

// withNew adds texts that are not there yet.
func withNew(all []string, texts ...string) []string {
	for _, text := range texts {
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// Median returns the middle of sorted values, of which there is at least one.
func Median(sorted []float64) float64 {
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func relate(base, s *Series) {
	for i := range s.Spreads {
		f := &s.Spreads[i]
		if of, ok := base.Median(f.Key); ok && of != 0 && f.Median != nil {
			f.Relative = new(*f.Median / of)
		}
	}
}
