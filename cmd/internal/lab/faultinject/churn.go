package faultinject

import (
	"fmt"
	"slices"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
)

// Churn is that receivers are killed and started again, one after the other.
const Churn Kind = "churn"

func churn() *kind {
	return &kind{
		Kind: Churn, form: form{example: "churn:10s", regular: true}, breaks: true,
		expect: (*Plan).expectChurn, strike: (*Course).churning, judge: (*judgement).churned,
	}
}

func (p *Plan) expectChurn(f Fault) string {
	return fmt.Sprintf("Every %v a receiver is killed and started again. It goes on from the file it had begun: "+
		"all get the file in the end, and nothing that was verified is fetched again but the chunks in flight (at most %d for each break).",
		f.Every, p.inFlight())
}

// churning strikes one receiver after the other, until all have the file.
func (c *Course) churning(f Fault) []Do {
	if c.due == 0 {
		c.due = f.Every.Seconds()
	}
	if c.now < c.due {
		return nil
	}
	running := slices.DeleteFunc(c.unfinished(), func(name string) bool { return c.nodes[name].State != labdir.Running || c.nodes[name].awaited })
	if len(running) == 0 {
		return nil // the next that runs
	}
	c.due = c.now + f.Every.Seconds()
	name := running[c.rand.IntN(len(running))]
	c.nodes[name].awaited = true
	c.churns++
	if c.first == nil {
		c.first = new(c.now)
	}
	if c.churn = append(c.churn, name); len(c.churn) > 1 {
		slices.Sort(c.churn)
		c.churn = slices.Compact(c.churn)
	}
	return []Do{{Restart, name}}
}

func (j *judgement) churned(f Fault) {
	j.Nodes, j.Seconds = j.churn, j.first
	if j.churns == 0 {
		j.wrong("it was over before %v had passed; take a larger file, slower links or a shorter time.", f.Every)
		return
	}
	j.say("%s a receiver was killed and started again (%s).", units.Counted(j.churns, "time"), names(j.churn))
	j.fetchedOnce()
}
