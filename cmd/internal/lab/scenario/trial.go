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
func (t Run) Origin() string { return t.System.Nodes.Origin }

// Receiver is the name of receiver i, from 1.
func (t Run) Receiver(i int) string { return fmt.Sprintf("%s-%d", t.System.Nodes.Receiver, i) }

// Nodes gives the names of all nodes, the origin first.
func (t Run) Nodes() []string {
	names := []string{t.Origin()}
	for i := range t.Receivers {
		names = append(names, t.Receiver(i+1))
	}
	return names
}

// Rate gives the access link of node i in bytes per second, the origin being
// 0; a rate of 0 is no limit.
func (t Run) Rate(i int) Rate { return t.scenario.Rates.Of(i) }

// Links gives the access links of all nodes.
func (t Run) Links() system.Links {
	return t.scenario.Rates.links(t.Receivers)
}
