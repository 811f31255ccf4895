package scenario

import (
	"fmt"

	"starmesh/cmd/internal/lab/bounds"
)

// A Trial is one system with one number of receivers, once.
type Trial struct {
	System     string
	Receivers  int
	Repetition int // from 1

	scenario *Scenario
}

// Origin is the name of the node that has the file.
func (t Trial) Origin() string {
	if t.System == Mesh {
		return "origin"
	}
	return "server"
}

// Receiver is the name of receiver i, from 1.
func (t Trial) Receiver(i int) string {
	if t.System == Mesh {
		return fmt.Sprintf("peer-%d", i)
	}
	return fmt.Sprintf("client-%d", i)
}

// Nodes gives the names of all nodes, the origin first.
func (t Trial) Nodes() []string {
	names := []string{t.Origin()}
	for i := range t.Receivers {
		names = append(names, t.Receiver(i+1))
	}
	return names
}

// Rate gives the access link of node i in bytes per second, the origin being
// 0; a rate of 0 is no limit.
func (t Trial) Rate(i int) Rate { return t.scenario.Rates.Of(i) }

// Links gives the access links of all nodes.
func (t Trial) Links() bounds.Links {
	return t.scenario.Rates.links(t.Receivers)
}
