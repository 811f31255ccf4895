package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
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
	g := table.Table{Title: title(cs), Head: []string{"figure"}}
	for _, s := range cs.Series {
		g.Head = append(g.Head, columnName(&s))
	}
	for _, s := range cs.Series[1:] {
		g.Head = append(g.Head, s.Label()+" ÷ "+cs.Base())
	}
	n := &notes{}
	for _, d := range metrics.Catalog() {
		if row, ok := gridRow(cs, d, n); ok {
			g.Rows = append(g.Rows, row)
		}
	}
	g.Notes = append(slices.Clone(cs.Warnings), n.lines()...)
	return g
}

func title(cs *metrics.Case) string {
	size := units.Bytes(cs.FileBytes)
	if cs.FileBytes == 0 {
		size = "nothing, or a file of unknown size,"
	}
	return fmt.Sprintf("%s to %s", size, units.Counted(cs.Receivers, "receiver"))
}

func columnName(s *metrics.Series) string {
	if len(s.Runs) > 1 {
		return fmt.Sprintf("%s (%d runs)", s.Label(), len(s.Runs))
	}
	return s.Label()
}

// gridRow makes the row of one figure; not ok if no system has such a figure.
func gridRow(cs *metrics.Case, d metrics.Definition, n *notes) ([]string, bool) {
	row, any := []string{d.Label}, false
	for i := range cs.Series {
		s := &cs.Series[i]
		spread := s.Get(d.Key)
		any = any || spread != nil
		row = append(row, cellText(spread, d.Unit))
		if spread != nil {
			n.of(d.Label, s.Label(), spread)
		}
	}
	for i := range cs.Series[1:] {
		spread := cs.Series[i+1].Get(d.Key)
		if spread == nil || spread.Relative == nil {
			row = append(row, table.Missing)
			continue
		}
		row = append(row, number(*spread.Relative))
	}
	return row, any
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
		switch { // all digits are kept, so that times beside each other have as many
		case v < 0.001:
			return number(v) + " s"
		case v < 1:
			return number(1000*v) + " ms"
		case v < 60:
			return number(v) + " s"
		}
		return units.Seconds(v)
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
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64) // 0.9999 has as many digits as 1
	digits := 2 - int(math.Floor(math.Log10(math.Abs(rounded))))
	return strconv.FormatFloat(v, 'f', min(max(0, digits), 6), 64)
}

// notes collects what the cells of a table leave unsaid. What is true of
// several figures is said once.
type notes struct {
	kinds []string            // "?", "-" and "" for plain notes
	texts []string            // in the order of their coming
	about map[string][]string // text → figures and systems
}

func (n *notes) add(kind, text, about string) {
	if n.about == nil {
		n.about = make(map[string][]string)
	}
	key := kind + text
	if n.about[key] == nil {
		n.kinds, n.texts = append(n.kinds, kind), append(n.texts, text)
	}
	n.about[key] = append(n.about[key], about)
}

func (n *notes) of(label, system string, s *metrics.Spread) {
	about := label + " (" + system + ")"
	for _, d := range s.Doubts {
		n.add("?", d, about)
	}
	if s.Absent != "" {
		n.add("-", s.Absent, about)
	}
	if s.Median != nil && len(s.Notes) <= 2 {
		for _, note := range s.Notes {
			n.add("", note, about)
		}
	}
}

func (n *notes) lines() []string {
	var lines []string
	for _, wanted := range []string{"?", "-", ""} {
		for i, text := range n.texts {
			if n.kinds[i] != wanted {
				continue
			}
			about := strings.Join(n.about[wanted+text], ", ")
			switch wanted {
			case "?":
				lines = append(lines, fmt.Sprintf("not to be trusted (?): %s. That concerns: %s", text, about))
			case "-":
				lines = append(lines, fmt.Sprintf("not known (-): %s: %s", about, text))
			default:
				lines = append(lines, fmt.Sprintf("%s: %s", about, text))
			}
		}
	}
	return lines
}

// CSV writes all figures of all cases, a line for each, with numbers as they
// are; what is absent is an empty field.
func CSV(w io.Writer, cases []metrics.Case) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"receivers", "file_bytes", "system", "figure", "unit", "median", "min", "max",
		"runs", "relative", "relative_to", "absent", "doubts"}) // Error tells of it
	for _, cs := range cases {
		for _, s := range cs.Series {
			for _, f := range s.Spreads {
				d, _ := metrics.Define(f.Key)
				_ = c.Write([]string{
					strconv.Itoa(cs.Receivers), strconv.FormatInt(cs.FileBytes, 10), s.Label(), string(f.Key), string(d.Unit),
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
