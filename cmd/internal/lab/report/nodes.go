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
}

type nodeRow struct {
	metrics.Row
	Up, Down, LinkOut, LinkIn, Remark string
}

// nodes returns the typical run of each series of a case.
func (p *Page) nodes(cs *metrics.Case) []nodesView {
	var all []nodesView
	for i := range cs.Series {
		series := &cs.Series[i]
		typical := series.Typical()
		v := nodesView{Name: fmt.Sprintf("%s to %s", series.Label(), units.Counted(cs.Receivers, "receiver"))}
		if len(series.Runs) > 1 {
			v.Name += fmt.Sprintf(", the run in the middle of %d", len(series.Runs))
		}
		v.Name += " (" + p.short(typical) + ")"
		run := p.run(typical)
		for j := range typical.Nodes {
			row := newRow(typical.Nodes[j], run)
			v.Linked = v.Linked || row.LinkOut != table.Missing
			v.Remarks = v.Remarks || row.Remark != ""
			v.Rows = append(v.Rows, row)
		}
		all = append(all, v)
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
func (p *Page) record(r *metrics.Report) *labdir.Run {
	for f, noted := range p.records() {
		if f.Set == r.Set && f.at(noted) == r.Dir {
			return noted
		}
	}
	return nil
}
