package page

import (
	"fmt"

	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/evidence"
	"starmesh/cmd/internal/lab/figures"
	"starmesh/cmd/internal/lab/record"
	"starmesh/cmd/internal/lab/tables"
	"starmesh/cmd/internal/units"
)

// nodesView is a table of the nodes of one run.
type nodesView struct {
	Name string
	Rows []nodeRow
	// Linked tells that bytes were counted at the links.
	Linked, Traits bool
}

type nodeRow struct {
	figures.Row
	Up, Down, LinkOut, LinkIn, Trait string
}

// nodes gives the typical run of each series of a scene.
func (p *Page) nodes(scene *comparison.Scene) []nodesView {
	var all []nodesView
	for i := range scene.Series {
		series := &scene.Series[i]
		typical := series.Typical()
		v := nodesView{Name: fmt.Sprintf("%s to %s", series.Label(), receivers(scene.Receivers))}
		if len(series.Runs) > 1 {
			v.Name += fmt.Sprintf(", the run in the middle of %d", len(series.Runs))
		}
		v.Name += " (" + p.short(typical) + ")"
		run, trial := p.run(typical), p.trial(typical)
		for j := range typical.Nodes {
			row := nodeRow{Row: typical.Nodes[j], Up: tables.Missing, Down: tables.Missing, LinkOut: tables.Missing, LinkIn: tables.Missing}
			row.limits(run, trial)
			v.Linked = v.Linked || row.LinkOut != tables.Missing
			v.Traits = v.Traits || row.Trait != ""
			v.Rows = append(v.Rows, row)
		}
		all = append(all, v)
	}
	return all
}

// limits fills in what the node's own row does not tell.
func (r *nodeRow) limits(run *evidence.Run, trial *record.Trial) {
	if run != nil {
		for i := range run.Nodes {
			if n := &run.Nodes[i]; n.Name == r.Node {
				r.Up, r.Down = rate(n.Up), rate(n.Down)
			}
		}
	}
	if trial == nil {
		return
	}
	for i := range trial.Nodes {
		n := &trial.Nodes[i]
		if n.Name != r.Node {
			continue
		}
		r.Trait = n.Trait
		if n.LinkOut != nil && n.LinkIn != nil {
			r.LinkOut, r.LinkIn = units.Bytes(*n.LinkOut), units.Bytes(*n.LinkIn)
		}
	}
}

// trial finds what the lab noted about a run; nil if nothing is there.
func (p *Page) trial(r *figures.Report) *record.Trial {
	for i := range p.Folders {
		f := &p.Folders[i]
		for j := range f.Trials {
			if f.Set == r.Set && f.at(&f.Trials[j]) == r.Dir {
				return &f.Trials[j]
			}
		}
	}
	return nil
}
