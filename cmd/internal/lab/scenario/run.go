package scenario

import (
	"fmt"

	"starmesh/cmd/internal/lab/system"
)

// A Run is one system with one number of receivers, once.
type Run struct {
	System     *system.System
	Receivers  int
	Repetition int // from 1

	scenario *Scenario
}

// Origin is the name of the node that has the file.
func (r Run) Origin() string { return r.System.Nodes.Origin }

// Receiver is the name of receiver i, from 1.
func (r Run) Receiver(i int) string { return fmt.Sprintf("%s-%d", r.System.Nodes.Receiver, i) }

// Nodes returns the names of all nodes, the origin first.
func (r Run) Nodes() []string {
	names := []string{r.Origin()}
	for i := range r.Receivers {
		names = append(names, r.Receiver(i+1))
	}
	return names
}

// Rate returns the access link of node i in bytes per second, the origin being
// 0; a rate of 0 is no limit.
func (r Run) Rate(i int) Rate { return r.scenario.Rates.Of(i) }

// Links returns the access links of all nodes.
func (r Run) Links() system.Links {
	return r.scenario.Rates.links(r.Receivers)
}
