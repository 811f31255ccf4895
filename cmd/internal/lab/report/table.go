package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// doubtful marks a value that is not to be trusted; the notes say why.
const doubtful = " ?"

// GridOf makes the table of a case: a row for each figure, a column for each
// system, and one for each system's share of the first.
func GridOf(cs *metrics.Case) table.Table {
	g := table.Table{Title: cs.Task(), Head: []string{"figure"}}
	for _, s := range cs.Series {
		g.Head = append(g.Head, columnName(s))
	}
	for _, s := range cs.Series[1:] {
		g.Head = append(g.Head, s.Label()+" ÷ "+cs.Base())
	}
	n := &notes{}
	for _, d := range metrics.Catalog() {
		if slices.ContainsFunc(cs.Series, func(s *metrics.Series) bool { return s.Get(d.Key) != nil }) {
			g.Rows = append(g.Rows, gridRow(cs, d, n))
		}
	}
	g.Notes = append(slices.Clone(cs.Warnings), n.lines()...)
	return g
}

func columnName(s *metrics.Series) string {
	if len(s.Runs) > 1 {
		return fmt.Sprintf("%s (%d runs)", s.Label(), len(s.Runs))
	}
	return s.Label()
}

// gridRow makes the row of one figure.
func gridRow(cs *metrics.Case, d metrics.Definition, n *notes) []string {
	row := []string{d.Label}
	for _, s := range cs.Series {
		row = append(row, n.cell(s, d))
	}
	for _, s := range cs.Series[1:] {
		relative := table.Missing
		if spread := s.Get(d.Key); spread != nil && spread.Relative != nil {
			relative = number(*spread.Relative)
		}
		row = append(row, relative)
	}
	return row
}

// cellText writes a spread: the median, and how far the runs were from each other.
func cellText(s *metrics.Spread, unit metrics.Unit) string {
	if s == nil || s.Median == nil {
		return table.Missing
	}
	text := Value(*s.Median, unit)
	if low, high := Value(*s.Min, unit), Value(*s.Max, unit); low != high {
		// The unit is said once where both have the same.
		number, name, _ := strings.Cut(low, " ")
		if name != "" && strings.HasSuffix(high, " "+name) {
			low = number
		}
		text += fmt.Sprintf(" (%s–%s)", low, high)
	}
	if s.Have < s.Of {
		text += fmt.Sprintf(" in %d of %d", s.Have, s.Of)
	}
	if len(s.Doubts) > 0 {
		text += doubtful
	}
	return text
}

// Value writes a value for people, with three digits or so.
func Value(v float64, unit metrics.Unit) string {
	switch unit {
	case metrics.Seconds:
		return units.Measured(v)
	case metrics.Bytes:
		return units.Bytes(int64(v))
	case metrics.Share:
		return number(v*100) + " %"
	case metrics.Count:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return number(v)
}

// number keeps three digits, and all before the point.
func number(v float64) string { return units.Three(v) }

// gathered says each text once, and what it is true of.
type gathered struct {
	texts []string
	about map[string][]string
}

func (g *gathered) add(text, about string) {
	if g.about == nil {
		g.about = make(map[string][]string)
	}
	if g.about[text] == nil {
		g.texts = append(g.texts, text)
	}
	if !slices.Contains(g.about[text], about) {
		g.about[text] = append(g.about[text], about)
	}
}

// notes collects what the cells of a table leave unsaid.
type notes struct{ doubts, absent, plain gathered }

// cell writes a figure of a series.
func (n *notes) cell(s *metrics.Series, d metrics.Definition) string {
	spread := s.Get(d.Key)
	if spread == nil {
		return table.Missing
	}
	about := d.Label + " (" + s.Label() + ")"
	for _, doubt := range spread.Doubts {
		n.doubts.add(doubt, about)
	}
	if spread.Absent != "" {
		n.absent.add(spread.Absent, about)
	}
	if spread.Median != nil && len(spread.Notes) <= 2 {
		for _, note := range spread.Notes {
			n.plain.add(note, about)
		}
	}
	return cellText(spread, d.Unit)
}

func (n *notes) lines() (lines []string) {
	for _, text := range n.doubts.texts {
		lines = append(lines, fmt.Sprintf("not to be trusted (?): %s. That concerns: %s", text, strings.Join(n.doubts.about[text], ", ")))
	}
	for _, text := range n.absent.texts {
		lines = append(lines, fmt.Sprintf("not known (-): %s: %s", strings.Join(n.absent.about[text], ", "), text))
	}
	for _, text := range n.plain.texts {
		lines = append(lines, fmt.Sprintf("%s: %s", strings.Join(n.plain.about[text], ", "), text))
	}
	return lines
}

// CSV writes all figures of all cases, a line for each, with numbers as they
// are; what is absent is an empty field.
func CSV(w io.Writer, cases []*metrics.Case) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"receivers", "file_bytes", "system", "figure", "unit", "median", "min", "max",
		"runs", "relative", "relative_to", "absent", "doubts"}) // Error tells of it
	for _, cs := range cases {
		for _, s := range cs.Series {
			for _, f := range s.Spreads {
				_ = c.Write([]string{
					strconv.Itoa(cs.Receivers), strconv.FormatInt(cs.FileBytes, 10), s.Label(), string(f.Key), string(metrics.Define(f.Key).Unit),
					plainNumber(f.Median), plainNumber(f.Min), plainNumber(f.Max), strconv.Itoa(f.Have), plainNumber(f.Relative), cs.Base(),
					f.Absent, strings.Join(f.Doubts, "; "),
				})
			}
		}
	}
	c.Flush()
	return c.Error()
}

func plainNumber(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}
