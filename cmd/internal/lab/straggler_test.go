package lab

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
)

func TestTheLastOfManyMachinesIsNamed(t *testing.T) {
	run := func(machine string, seconds ...float64) *labdir.Run {
		r := &labdir.Run{Nodes: make([]labdir.Node, len(seconds)+1)} // the first is the origin
		for i := range r.Nodes {
			n := &r.Nodes[i]
			n.Name, n.Machine = string(rune('a'+i)), machine
			if i > 0 {
				n.DoneSeconds = &seconds[i-1]
			}
		}
		return r
	}
	if got := straggler(run("desk", 2, 9, 3)); !strings.Contains(got, "c on desk") || !strings.Contains(got, "3.0 times") {
		t.Errorf("of 2, 9 and 3 seconds: %q", got)
	}
	for what, r := range map[string]*labdir.Run{
		"all about the same": run("desk", 2, 2.2, 2.1), "only two": run("desk", 1, 9), "on one machine": run("", 2, 9, 3),
	} {
		if got := straggler(r); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}
