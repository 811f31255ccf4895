package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// summed are the figures that a summary has, with what they are called there.
var summed = []struct {
	key  metrics.Key
	name string
}{
	{metrics.Distribution, "time"},
	{metrics.BoundMultiple, "÷ bound"},
	{metrics.OriginCopies, "copies from origin"},
	{metrics.HottestShare, "busiest node sent"},
	{metrics.Overhead, "overhead"},
}

// Summary makes one table of all cases: a row for each number of receivers
// and system, with the figures that matter most. Its notes are the doubts
// alone: the tables of the cases say the rest.
func Summary(cases []*metrics.Case) table.Table {
	g := table.Table{Head: []string{"receivers", "system"}}
	for _, f := range summed {
		g.Head = append(g.Head, f.name)
	}
	against := slices.ContainsFunc(cases, func(cs *metrics.Case) bool { return len(cs.Series) > 1 })
	if against {
		g.Head = append(g.Head, "time ÷ "+cases[0].Base())
	}
	n := &notes{}
	for _, cs := range cases {
		for k, s := range cs.Series {
			to := strconv.Itoa(cs.Receivers)
			if k > 0 {
				to = "" // said in the row above
			}
			row := append([]string{to}, summaryRow(cs, s, n)...)
			if against {
				row = append(row, timeOver(s))
			}
			g.Rows = append(g.Rows, row)
		}
	}
	g.Notes = n.lines()
	return g
}

func summaryRow(cs *metrics.Case, s *metrics.Series, n *notes) []string {
	row := []string{columnName(s)}
	for _, f := range summed {
		spread := s.Get(f.key)
		row = append(row, cellText(spread, metrics.Define(f.key).Unit))
		if spread == nil {
			continue
		}
		for _, doubt := range spread.Doubts {
			n.doubts.add(doubt, f.name+" ("+s.Label()+" to "+strconv.Itoa(cs.Receivers)+" of "+units.Bytes(cs.FileBytes)+")")
		}
	}
	return row
}

// timeOver is the time of a series over that of its case's first.
func timeOver(s *metrics.Series) string {
	if spread := s.Get(metrics.Distribution); spread != nil && spread.Relative != nil {
		return number(*spread.Relative)
	}
	return table.Missing
}

// maxBars is how many nodes of each system an overview draws.
const maxBars = 20

// Overview writes the summary of all cases in width columns, and draws the
// largest, which shows best who carries the load.
func Overview(w io.Writer, cases []*metrics.Case, width int) error {
	g := Summary(cases)
	if err := g.Text(w, width); err != nil || len(cases) == 0 {
		return err
	}
	fmt.Fprintln(w)
	return Bars(w, cases[len(cases)-1], width, maxBars)
}
