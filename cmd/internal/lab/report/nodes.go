package report

import (
	"fmt"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/units"
)

// nodesView is a table of the nodes of one run.
type nodesView struct {
	Name string
	Rows []nodeRow
	// Linked tells that bytes were counted at the links.
	Linked, Remarks bool
	Joined          bool // the nodes were on machines that had joined
}

type nodeRow struct {
	metrics.Row
	Up, Down, LinkOut, LinkIn, Remark string
}

// nodes returns the typical run of each series of a case.
func (v *view) nodes(cs *metrics.Case) []nodesView {
	var all []nodesView
	for _, series := range cs.Series {
		typical := series.Typical()
		of := nodesView{Name: fmt.Sprintf("%s to %s", series.Label(), units.Counted(cs.Receivers, "receiver"))}
		if len(series.Runs) > 1 {
			of.Name += fmt.Sprintf(", the run in the middle of %d", len(series.Runs))
		}
		of.Name += " (" + v.short(typical) + ")"
		for _, node := range typical.Nodes {
			row := newRow(node, v.run(typical))
			of.Linked = of.Linked || row.LinkOut != table.Missing
			of.Joined = of.Joined || row.Machine != ""
			of.Remarks = of.Remarks || row.Remark != ""
			of.Rows = append(of.Rows, row)
		}
		all = append(all, of)
	}
	return all
}

// newRow adds to a row what it does not tell: the limits of the node's link.
func newRow(r metrics.Row, run *runlogs.Run) nodeRow {
	row := nodeRow{Row: r, Up: table.Missing, Down: table.Missing, LinkOut: table.Missing, LinkIn: table.Missing}
	if run != nil {
		for i := range run.Nodes {
			if n := &run.Nodes[i]; n.Name == r.Node {
				row.Up, row.Down = rate(n.Up), rate(n.Down)
			}
		}
	}
	if r.LinkOutBytes != nil && r.LinkInBytes != nil {
		row.LinkOut, row.LinkIn = units.Bytes(*r.LinkOutBytes), units.Bytes(*r.LinkInBytes)
	}
	row.Remark = r.Trait
	if r.Excused != "" {
		row.Remark = strings.TrimPrefix(row.Remark+", ", ", ") + "excused: " + r.Excused
	}
	return row
}

// record returns what the lab noted about a run; nil if nothing is there.
func (v *view) record(r *metrics.Report) *labdir.Run {
	for f, noted := range v.records() {
		if f.Set == r.Set && f.at(noted) == r.Dir {
			return noted
		}
	}
	return nil
}
