package predict

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/units"
)

// Text writes the plan for people, in width columns.
func (p *Plan) Text(w io.Writer, title string, width int) error {
	g := table.Table{Title: title, Head: []string{"receivers"}}
	for _, side := range p.Rows[0].sides() {
		g.Head = append(g.Head, side.System.Name+" bound", side.System.Name+" expected")
	}
	g.Head = append(g.Head, p.Rows[0].Hub.System.Name+" ÷ "+p.Rows[0].Relay.System.Name)
	for _, r := range p.Rows {
		row := []string{strconv.Itoa(r.Receivers)}
		for _, side := range r.sides() {
			row = append(row, units.Measured(side.BoundSeconds), units.Measured(side.ExpectedSeconds))
			if note := side.System.Name + ": " + side.Multiple.From; !slices.Contains(g.Notes, note) {
				g.Notes = append(g.Notes, note)
			}
		}
		g.Rows = append(g.Rows, append(row, fmt.Sprintf("%.2f", r.Hub.ExpectedSeconds/r.Relay.ExpectedSeconds)))
	}
	if err := g.Text(w, width); err != nil {
		return err
	}
	if err := table.Paragraphs(w, p.Advice, width); err != nil {
		return err
	}
	return table.Paragraphs(w, p.Caveats, width)
}
