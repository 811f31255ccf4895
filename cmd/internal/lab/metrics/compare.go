package metrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/system"
)

// A Case is what several systems did with the same task.
type Case struct {
	Receivers int      `json:"receivers"`
	FileBytes int64    `json:"file_bytes"`
	Series    []Series `json:"series"` // in the order of system.Compare
	// Warnings tell why the systems may not be comparable.
	Warnings []string `json:"warnings,omitempty"`
}

// A Series is the runs of one system in a case.
type Series struct {
	System  *system.System `json:"system"`
	Set     string         `json:"set,omitempty"` // as metrics.Head.Set
	Runs    []Report       `json:"-"`
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
func Compare(reports []Report) []Case {
	var cases []Case
	for _, set := range sameTask(reports) {
		cases = append(cases, newCase(set))
	}
	slices.SortStableFunc(cases, func(a, b Case) int {
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
	for i := range s.Spreads {
		if s.Spreads[i].Key == key {
			return &s.Spreads[i]
		}
	}
	return nil
}

// Typical returns the run to show when only one can be: that with the
// distribution time in the middle.
func (s *Series) Typical() *Report {
	order := make([]int, len(s.Runs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, okX := s.Runs[a].Value(Distribution)
		y, okY := s.Runs[b].Value(Distribution)
		if okX != okY { // those that did not end come last
			return map[bool]int{true: -1, false: 1}[okX]
		}
		return cmp.Compare(x, y)
	})
	return &s.Runs[order[(len(order)-1)/2]]
}

// Base is the system that the others are relative to.
func (s *Case) Base() string { return s.Series[0].Label() }

// First returns the first series of a system, which may be nil; nil if there is
// none.
func (s *Case) First(of *system.System) *Series {
	i := slices.IndexFunc(s.Series, func(t Series) bool { return of != nil && t.System.Name == of.Name })
	if i < 0 {
		return nil
	}
	return &s.Series[i]
}

// sameTask sorts reports into sets of one size, number of receivers and links.
// Two sets that differ in links alone, and have no system in common, are one:
// each was tried once, over links that were told differently. A system of two
// sets of runs counts as two.
func sameTask(reports []Report) [][]Report {
	var sets [][]Report
	for _, r := range reports {
		i := slices.IndexFunc(sets, func(set []Report) bool {
			return sameSize(&set[0], &r) && linksText(&set[0]) == linksText(&r)
		})
		if i < 0 {
			i = len(sets)
			sets = append(sets, nil)
		}
		sets[i] = append(sets[i], r)
	}
	var merged [][]Report
	for _, set := range sets {
		i := slices.IndexFunc(merged, func(other []Report) bool {
			return sameSize(&set[0], &other[0]) && !slices.ContainsFunc(set, func(r Report) bool {
				return slices.ContainsFunc(other, func(o Report) bool { return seriesOf(&o) == seriesOf(&r) })
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

func sameSize(a, b *Report) bool {
	return a.Receivers == b.Receivers && a.FileBytes == b.FileBytes
}

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

// key is what the runs of a series have in common.
type key struct{ system, set string }

func seriesOf(r *Report) key { return key{r.System.Name, r.Set} }

func newCase(reports []Report) Case {
	cs := Case{Receivers: reports[0].Receivers, FileBytes: reports[0].FileBytes}
	runs := make(map[key][]Report)
	var keys []key
	for _, r := range reports {
		k := seriesOf(&r)
		if runs[k] == nil {
			keys = append(keys, k)
		}
		runs[k] = append(runs[k], r)
	}
	slices.SortStableFunc(keys, func(a, b key) int { // sets stay in the order of their coming
		return system.Compare(runs[a][0].System, runs[b][0].System)
	})
	for _, k := range keys {
		cs.Series = append(cs.Series, newSeries(runs[k]))
	}
	for i := range cs.Series {
		relate(&cs.Series[0], &cs.Series[i])
	}
	cs.Warnings = warnings(reports)
	return cs
}

// warnings tell what was not the same.
func warnings(reports []Report) []string {
	var all []string
	differ := func(f func(*Report) string) bool {
		return slices.ContainsFunc(reports[1:], func(r Report) bool {
			return f(&r) != f(&reports[0])
		})
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

func newSeries(runs []Report) Series {
	s := Series{System: runs[0].System, Set: runs[0].Set, Runs: runs}
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
func spreadOf(key Key, runs []Report) (Spread, bool) {
	spread := Spread{Key: key}
	var values []float64
	for i := range runs {
		f := runs[i].Figure(key)
		if f == nil {
			continue
		}
		spread.Of++
		if f.Value != nil {
			values = append(values, *f.Value)
		} else if spread.Absent == "" {
			spread.Absent = f.Absent
		}
		if f.Note != "" && !slices.Contains(spread.Notes, f.Note) {
			spread.Notes = append(spread.Notes, f.Note)
		}
		for _, d := range f.Doubts {
			if !slices.Contains(spread.Doubts, d) {
				spread.Doubts = append(spread.Doubts, d)
			}
		}
	}
	spread.Have = len(values)
	if len(values) > 0 {
		slices.Sort(values)
		median := Median(values)
		spread.Median, spread.Min, spread.Max = &median, &values[0], &values[len(values)-1]
	}
	return spread, spread.Of > 0
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
		of := base.Get(s.Spreads[i].Key)
		if of == nil || of.Median == nil || *of.Median == 0 || s.Spreads[i].Median == nil {
			continue
		}
		relative := *s.Spreads[i].Median / *of.Median
		s.Spreads[i].Relative = &relative
	}
}
