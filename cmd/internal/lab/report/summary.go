package report

import (
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
func Summary(cases []metrics.Case) table.Table {
	g := table.Table{Head: []string{"receivers", "system"}}
	for _, f := range summed {
		g.Head = append(g.Head, f.name)
	}
	g.Head = append(g.Head, "time ÷ "+base(cases))
	n := &notes{}
	for i := range cases {
		for k := range cases[i].Series {
			g.Rows = append(g.Rows, summaryRow(&cases[i], k, n))
		}
	}
	g.Notes = n.lines()
	return g
}

func base(cases []metrics.Case) string {
	if len(cases) == 0 {
		return ""
	}
	return cases[0].Base()
}

func summaryRow(cs *metrics.Case, k int, n *notes) []string {
	s := &cs.Series[k]
	to := strconv.Itoa(cs.Receivers)
	if k > 0 {
		to = "" // said in the row above
	}
	row := []string{to, columnName(s)}
	for _, f := range summed {
		d, _ := metrics.Define(f.key)
		spread := s.Get(f.key)
		row = append(row, cellText(spread, d.Unit))
		if spread == nil {
			continue
		}
		about := f.name + " (" + s.Label() + " to " + strconv.Itoa(cs.Receivers) + " of " + units.Bytes(cs.FileBytes) + ")"
		for _, doubt := range spread.Doubts {
			n.add("?", doubt, about)
		}
	}
	relative := table.Missing
	if spread := s.Get(metrics.Distribution); spread != nil && spread.Relative != nil {
		relative = number(*spread.Relative)
	} else if k == 0 && spread != nil && spread.Median != nil {
		relative = "1"
	}
	return append(row, relative)
}
