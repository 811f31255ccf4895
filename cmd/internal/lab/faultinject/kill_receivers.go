package faultinject

import "fmt"

// KillReceivers is that some receivers are killed and do not come back.
const KillReceivers Kind = "kill-receivers"

func killReceivers() *kind {
	return &kind{
		Kind: KillReceivers, form: form{example: "kill-receivers:3@30%", counted: true, at: true},
		excuse: func(*Plan) string { return "killed on purpose" },
		expect: (*Plan).expectKills, strike: (*Course).kill, judge: (*judgement).kills,
	}
}

func (p *Plan) expectKills(f Fault) string {
	why := "They never depended on each other."
	if p.System.Relays {
		why = "What the killed were to pass on, others or " + p.origin() + " give instead."
	}
	return fmt.Sprintf("%s are killed when %s of all bytes have arrived. %s All others get the file%s.",
		p.someone(f.Count), percent(f.At), why, notBefore(p.bound(p.isDue), "the others alone"))
}

// kill strikes the chosen receivers once.
func (c *Course) kill(f Fault) []Do {
	if c.killed != nil || c.share() < f.At || c.Over() {
		return nil
	}
	c.killed = new(c.now)
	var all []Do
	for _, name := range c.struck(KillReceivers) {
		all = append(all, Do{Kill, name})
	}
	return all
}

func (j *judgement) kills(Fault) {
	j.Seconds = j.killed
	if j.killed == nil {
		j.wrong("it was over before anybody could be killed; take a larger file or slower links.")
		return
	}
	j.say("%s killed at %s.", areIn(j.Nodes), seconds(*j.killed))
}

// areIn puts the nodes at the beginning of a sentence in the past.
func areIn(nodes []string) string {
	if len(nodes) == 1 {
		return nodes[0] + " was"
	}
	return names(nodes) + " were"
}
