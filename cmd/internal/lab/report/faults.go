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

// Faults lists those of all runs: what was expected, what was found.
func (v *view) Faults() []faultView {
	var all []faultView
	for f, r := range v.records() {
		for _, fault := range r.Faults {
			row := faultView{Run: r.Name, Fault: fault, At: table.Missing, Hit: strings.Join(fault.Nodes, ", ")}
			if f.Set != "" {
				row.Run += " (" + f.Set + ")"
			}
			if fault.Seconds != nil {
				row.At = Value(*fault.Seconds, metrics.Seconds)
			}
			all = append(all, row)
		}
	}
	return all
}

// outcomes are the faults that were made, each once, and how many of all times
// they ended as foretold.
func (v *view) outcomes() (kinds []string, met, of int) {
	for _, f := range v.Faults() {
		if !slices.Contains(kinds, f.Fault.Fault) {
			kinds = append(kinds, f.Fault.Fault)
		}
		if of++; f.Met {
			met++
		}
	}
	return kinds, met, of
}

// faulty names the runs in which something was done on purpose.
func (v *view) faulty() []string {
	var names []string
	for _, r := range v.records() {
		if len(r.Faults) > 0 || slices.ContainsFunc(r.Nodes, func(n labdir.Node) bool { return n.Trait != "" }) {
			names = append(names, r.Name)
		}
	}
	return names
}
