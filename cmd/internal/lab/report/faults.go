package report

import (
	"slices"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
)

// A faultView is a fault of a run, for the table.
type faultView struct {
	Run string
	labdir.Fault
	At, Hit string
}

// faults lists those of all runs: what was expected, what was found.
func (p *Page) faults() []faultView {
	var all []faultView
	for f, r := range p.records() {
		for _, fault := range r.Faults {
			v := faultView{Run: r.Name, Fault: fault, At: table.Missing, Hit: strings.Join(fault.Nodes, ", ")}
			if f.Set != "" {
				v.Run += " (" + f.Set + ")"
			}
			if fault.Seconds != nil {
				v.At = Value(*fault.Seconds, metrics.Seconds)
			}
			all = append(all, v)
		}
	}
	return all
}

// faulty names the runs in which something was done on purpose.
func (p *Page) faulty() []string {
	var names []string
	for _, r := range p.records() {
		if len(r.Faults) > 0 || slices.ContainsFunc(r.Nodes, func(n labdir.Node) bool { return n.Trait != "" }) {
			names = append(names, r.Name)
		}
	}
	return names
}
