package runner

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
)

func TestTheLastOfManyMachinesIsNamedAndWhy(t *testing.T) {
	run := func(machine string, spoil func(last *labdir.Node), seconds ...float64) *labdir.Run {
		r := &labdir.Run{Nodes: make([]labdir.Node, len(seconds)+1)} // the first is the origin
		for i := range r.Nodes {
			n := &r.Nodes[i]
			n.Name, n.Machine = string(rune('a'+i)), machine
			if i > 0 {
				n.DoneSeconds, n.FirstSeconds = &seconds[i-1], new(0.1)
			}
			if i == 2 {
				spoil(n)
			}
		}
		return r
	}
	usual := func(*labdir.Node) {}
	for want, spoil := range map[string]func(*labdir.Node){
		"c on desk was the last, 3.0 times as late as half of all: 80 Mbit/s arrived there, and 240 Mbit/s at desk": usual,
		"nothing had arrived for 7 s":                      func(n *labdir.Node) { n.FirstSeconds = new(7.0) },
		"its downlink of 88 Mbit/s was full":               func(n *labdir.Node) { n.Down = new(11e6) },
		"its processors were 97 % busy":                    func(n *labdir.Node) { n.Busy = &labdir.CPU{BusyShare: 0.97, Limit: true} },
		"its processors waited for its disk for 40 % of t": func(n *labdir.Node) { n.Busy = &labdir.CPU{BusyShare: 0.1, DiskShare: 0.4} },
	} {
		if got := straggler(run("desk", spoil, 3, 9, 2), 90e6); !strings.Contains(got, want) {
			t.Errorf("%q does not have %q", got, want)
		}
	}
	for what, r := range map[string]*labdir.Run{
		"all about the same": run("desk", usual, 2, 2.2, 2.1), "only two": run("desk", usual, 1, 9), "on one machine": run("", usual, 2, 9, 3),
	} {
		if got := straggler(r, 90e6); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}
