package lab

import (
	"errors"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
)

func TestALabSaysWhichMachinesItLost(t *testing.T) {
	run := func(lost int, failed string) *labdir.Run {
		r := &labdir.Run{Nodes: make([]labdir.Node, 3), Error: failed}
		for i, machine := range []string{"a", "b", "c"} {
			r.Nodes[i].Machine, r.Nodes[i].Lost = machine, i == lost
		}
		return r
	}
	for what, c := range map[string]struct {
		runs []*labdir.Run
		want string
	}{
		"nothing":             {[]*labdir.Run{run(-1, "")}, ""},
		"a receiver":          {[]*labdir.Run{run(1, ""), run(1, "")}, "lost on the way: b;"},
		"all of a run":        {[]*labdir.Run{run(1, "the cat"), run(-1, "")}, "1 of 2 runs failed"},
		"two, and one is out": {[]*labdir.Run{run(1, ""), run(2, "")}, "lost on the way: b, c;"},
	} {
		sum := tally{all: len(c.runs)}
		for _, r := range c.runs {
			if sum.add(r, true) {
				t.Errorf("%s: it had no origin", what)
			}
		}
		if err := sum.err(); (err != nil) != (c.want != "") || err != nil && (!errors.Is(err, errRuns) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if sum := new(tally); !sum.add(run(0, "the server ended"), true) || sum.failed > 0 {
		t.Errorf("a run whose origin was lost: %+v", sum)
	}
}
