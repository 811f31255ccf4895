package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/figures"
	"starmesh/cmd/internal/lab/tables"
	"starmesh/cmd/internal/units"
)

// times makes the table of distribution times over the number of receivers;
// nil when there is only one scene, whose own table has them.
func times(scenes []comparison.Scene, once bool) *tables.Grid {
	if len(scenes) < 2 {
		return nil
	}
	g := &tables.Grid{Title: "Distribution time: median, and least–most of several runs", Head: []string{"receivers"}}
	if once {
		g.Title = "Distribution time"
	}
	labels := labelsOf(scenes)
	g.Head = append(g.Head, labels...)
	both := slices.Contains(labels, "star") && slices.Contains(labels, "mesh")
	if both {
		g.Head = append(g.Head, "star ÷ mesh")
	}
	for i := range scenes {
		row := []string{strconv.Itoa(scenes[i].Receivers)}
		if scenes[0].FileBytes != scenes[len(scenes)-1].FileBytes {
			row[0] = units.Bytes(scenes[i].FileBytes) + " to " + row[0]
		}
		for _, label := range labels {
			row = append(row, timeCell(&scenes[i], label))
		}
		if both {
			row = append(row, ratio(&scenes[i]))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// labelsOf lists the series of all scenes, in their order.
func labelsOf(scenes []comparison.Scene) []string {
	var labels []string
	seen := make(map[string]bool)
	for i := range scenes {
		for j := range scenes[i].Series {
			if label := scenes[i].Series[j].Label(); !seen[label] {
				seen[label] = true
				labels = append(labels, label)
			}
		}
	}
	return labels
}

func timeCell(scene *comparison.Scene, label string) string {
	for i := range scene.Series {
		if scene.Series[i].Label() == label {
			return tables.Cell(scene.Series[i].Get(figures.Distribution), figures.Seconds)
		}
	}
	return tables.Missing
}

// ratio is the time of the star over that of the mesh.
func ratio(scene *comparison.Scene) string {
	star, mesh := scene.First("star"), scene.First("mesh")
	if star == nil || mesh == nil {
		return tables.Missing
	}
	_, a, okA := took(star)
	_, b, okB := took(mesh)
	if !okA || !okB || b == 0 {
		return tables.Missing
	}
	return fmt.Sprintf("%.2f", a/b)
}

// change makes the table of one set against another: for each system that is
// in both, what became of its figures. It is nil when there is but one set.
func change(scenes []comparison.Scene) *tables.Grid {
	g := &tables.Grid{Title: "What has changed"}
	var pairs [][2]string
	for i := range scenes {
		scene := &scenes[i]
		for j := range scene.Series {
			from := &scene.Series[j]
			for k := j + 1; k < len(scene.Series); k++ {
				if to := &scene.Series[k]; to.System == from.System {
					g.Rows = append(g.Rows, changeRows(scene, from, to)...)
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
func changeRows(scene *comparison.Scene, from, to *comparison.Series) [][]string {
	var rows [][]string
	for _, key := range []figures.Key{figures.Distribution, figures.OriginCopies, figures.Jain, figures.CPUPerGiB, figures.PeakMemory} {
		a, b := from.Get(key), to.Get(key)
		if a == nil || b == nil {
			continue
		}
		d, _ := figures.Define(key)
		relative := tables.Missing
		if a.Median != nil && b.Median != nil && *a.Median > 0 {
			relative = fmt.Sprintf("%.2f", *b.Median / *a.Median)
		}
		task := fmt.Sprintf("%s, %s to %s", from.System, units.Bytes(scene.FileBytes), receivers(scene.Receivers))
		rows = append(rows, []string{task, d.Label, from.Set + ": " + tables.Cell(a, d.Unit), to.Set + ": " + tables.Cell(b, d.Unit), relative})
	}
	return rows
}
