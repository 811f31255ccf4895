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
	for i := range p.Folders {
		f := &p.Folders[i]
		for j := range f.Runs {
			t := &f.Runs[j]
			for _, fault := range t.Faults {
				v := faultView{Run: t.Name, Fault: fault, At: table.Missing, Hit: strings.Join(fault.Nodes, ", ")}
				if f.Set != "" {
					v.Run += " (" + f.Set + ")"
				}
				if fault.Seconds != nil {
					v.At = Value(*fault.Seconds, metrics.Seconds)
				}
				all = append(all, v)
			}
		}
	}
	return all
}

// faulty names the runs in which something was done on purpose.
func (p *Page) faulty() []string {
	var names []string
	for _, f := range p.Folders {
		for _, t := range f.Runs {
			if len(t.Faults) > 0 || slices.ContainsFunc(t.Nodes, func(n labdir.Node) bool { return n.Trait != "" }) {
				names = append(names, t.Name)
			}
		}
	}
	return names
}
