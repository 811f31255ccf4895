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

// times makes the table of distribution times over the number of receivers;
// nil when there is only one case, whose own table has them.
func times(cases []metrics.Case, once bool) *table.Table {
	if len(cases) < 2 {
		return nil
	}
	g := &table.Table{Title: "Distribution time: median, and least–most of several runs", Head: []string{"receivers"}}
	if once {
		g.Title = "Distribution time"
	}
	labels := labelsOf(cases)
	g.Head = append(g.Head, labels...)
	hub, relay := systemsOf(cases).Pair()
	both := hub != nil && relay != nil && slices.Contains(labels, hub.Name) && slices.Contains(labels, relay.Name)
	if both {
		g.Head = append(g.Head, hub.Name+" ÷ "+relay.Name)
	}
	for i := range cases {
		row := []string{strconv.Itoa(cases[i].Receivers)}
		if cases[0].FileBytes != cases[len(cases)-1].FileBytes {
			row[0] = units.Bytes(cases[i].FileBytes) + " to " + row[0]
		}
		for _, label := range labels {
			row = append(row, timeCell(&cases[i], label))
		}
		if both {
			row = append(row, ratio(cases[i].First(hub), cases[i].First(relay)))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// labelsOf lists the series of all cases, in their order.
func labelsOf(cases []metrics.Case) []string {
	var labels []string
	seen := make(map[string]bool)
	for i := range cases {
		for j := range cases[i].Series {
			if label := cases[i].Series[j].Label(); !seen[label] {
				seen[label] = true
				labels = append(labels, label)
			}
		}
	}
	return labels
}

func timeCell(cs *metrics.Case, label string) string {
	for i := range cs.Series {
		if cs.Series[i].Label() == label {
			return cellText(cs.Series[i].Get(metrics.Distribution), metrics.Seconds)
		}
	}
	return table.Missing
}

// ratio is the time of one series over that of another.
func ratio(over, under *metrics.Series) string {
	if over == nil || under == nil {
		return table.Missing
	}
	_, a, okA := took(over)
	_, b, okB := took(under)
	if !okA || !okB || b == 0 {
		return table.Missing
	}
	return fmt.Sprintf("%.2f", a/b)
}

// change makes the table of one set against another: for each system that is
// in both, what became of its figures. It is nil when there is but one set.
func change(cases []metrics.Case) *table.Table {
	g := &table.Table{Title: "What has changed"}
	var pairs [][2]string
	for i := range cases {
		cs := &cases[i]
		for j := range cs.Series {
			from := &cs.Series[j]
			for k := j + 1; k < len(cs.Series); k++ {
				if to := &cs.Series[k]; to.System.Name == from.System.Name {
					g.Rows = append(g.Rows, changeRows(cs, from, to)...)
					pairs = append(pairs, [2]string{from.Set, to.Set})
				}
			}
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
		d, _ := metrics.Define(key)
		relative := table.Missing
		if a.Median != nil && b.Median != nil && *a.Median > 0 {
			relative = fmt.Sprintf("%.2f", *b.Median / *a.Median)
		}
		task := fmt.Sprintf("%s, %s to %s", from.System.Name, units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))
		rows = append(rows, []string{task, d.Label, from.Set + ": " + cellText(a, d.Unit), to.Set + ": " + cellText(b, d.Unit), relative})
	}
	return rows
}
