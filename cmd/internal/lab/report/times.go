package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// Times makes the table of distribution times over the number of receivers;
// nil when there is only one case, whose own table has them.
func (v *view) Times() *table.Table {
	cases := v.Cases
	if len(cases) < 2 {
		return nil
	}
	g := &table.Table{Title: "Distribution time: median, and least–most of several runs", Head: []string{"receivers"}}
	if v.Once() {
		g.Title = "Distribution time"
	}
	labels := labelsOf(cases)
	g.Head = append(g.Head, labels...)
	hub, relay := systemsOf(cases).Pair()
	both := hub != nil && relay != nil && slices.Contains(labels, hub.Name) && slices.Contains(labels, relay.Name)
	if both {
		g.Head = append(g.Head, hub.Name+" ÷ "+relay.Name)
	}
	for _, cs := range cases {
		row := []string{strconv.Itoa(cs.Receivers)}
		if cases[0].FileBytes != cases[len(cases)-1].FileBytes {
			row[0] = units.Bytes(cs.FileBytes) + " to " + row[0]
		}
		for _, label := range labels {
			row = append(row, timeCell(cs, label))
		}
		if both {
			row = append(row, ratio(cs.First(hub), cs.First(relay)))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// labelsOf lists the series of all cases, in their order.
func labelsOf(cases []*metrics.Case) (labels []string) {
	for _, cs := range cases {
		for _, s := range cs.Series {
			if !slices.Contains(labels, s.Label()) {
				labels = append(labels, s.Label())
			}
		}
	}
	return labels
}

func timeCell(cs *metrics.Case, label string) string {
	for _, s := range cs.Series {
		if s.Label() == label {
			return cellText(s.Get(metrics.Distribution), metrics.Seconds)
		}
	}
	return table.Missing
}

// ratio is the time of one series over that of another, either of which may be
// nil.
func ratio(over, under *metrics.Series) string {
	a, okA := over.Median(metrics.Distribution)
	b, okB := under.Median(metrics.Distribution)
	if !okA || !okB || b == 0 {
		return table.Missing
	}
	return fmt.Sprintf("%.2f", a/b)
}

// Change makes the table of one set against another: for each system that is
// in both, what became of its figures. It is nil when there is but one set.
func (v *view) Change() *table.Table {
	g := &table.Table{Title: "What has changed"}
	var pairs [][2]string
	for _, cs := range v.Cases {
		for from, to := range shifts(cs) {
			g.Rows = append(g.Rows, changeRows(cs, from, to)...)
			pairs = append(pairs, [2]string{from.Set, to.Set})
		}
	}
	if len(g.Rows) == 0 {
		return nil
	}
	g.Head = []string{"task", "figure", "before", "after", "after ÷ before"}
	if one := slices.Compact(pairs); len(one) == 1 { // the heads say it, not each row
		before, after := one[0][0], one[0][1]
		g.Head = []string{"task", "figure", before, after, after + " ÷ " + before}
		for _, row := range g.Rows {
			row[2], row[3] = strings.TrimPrefix(row[2], before+": "), strings.TrimPrefix(row[3], after+": ")
		}
	}
	return g
}

// changeRows tells of the figures that people choose by.
func changeRows(cs *metrics.Case, from, to *metrics.Series) [][]string {
	var rows [][]string
	for _, key := range []metrics.Key{metrics.Distribution, metrics.OriginCopies, metrics.Jain, metrics.CPUPerGiB, metrics.PeakMemory} {
		a, b := from.Get(key), to.Get(key)
		if a == nil || b == nil {
			continue
		}
		d := metrics.Define(key)
		relative := table.Missing
		if a.Median != nil && b.Median != nil && *a.Median > 0 {
			relative = fmt.Sprintf("%.2f", *b.Median / *a.Median)
		}
		rows = append(rows, []string{from.System.Name + ", " + cs.Task(), d.Label, from.Set + ": " + cellText(a, d.Unit), to.Set + ": " + cellText(b, d.Unit), relative})
	}
	return rows
}
