package faultinject

import (
	"fmt"
	"slices"
)

// Slow is that receivers have a tenth of the rates. It is a trait in records.
const Slow Kind = "slow"

func slow() *kind {
	return &kind{
		Kind: Slow, form: form{example: "slow:2", counted: true}, trait: trait{rates: 0.1},
		expect: (*Plan).expectSlow, judge: (*judgement).slow,
	}
}

func (p *Plan) expectSlow(f Fault) string {
	s := fmt.Sprintf("%s have a tenth of the rates.", p.someone(f.Count))
	others, all := p.bound(p.fast).Seconds, p.Bound().Seconds
	switch {
	case all == 0:
		return s + " No link has a limit, so a tenth is none either: no effect."
	case len(p.which(p.fast)) == 0:
		return fmt.Sprintf("%s All get the file, not before %s.", s, seconds(all))
	case p.disturbed():
		return fmt.Sprintf("%s All get the file, not before %s; with what else is to go wrong, nobody can tell who waits for whom.", s, seconds(all))
	case p.apart():
		return fmt.Sprintf("%s They get the file later, not before %s. The others are not held back: they get it long before, their own bound being %s.",
			s, seconds(all), seconds(others))
	default:
		return fmt.Sprintf("%s All get the file, not before %s; the others alone not before %s, which is too near to tell whether they are held back.",
			s, seconds(all), seconds(others))
	}
}

// fast reports whether a receiver is to get the file, and does not wait for its
// own link.
func (p *Plan) fast(name string) bool { return p.isDue(name) && p.with(name).Kind != Slow }

// apart reports whether slow nodes must finish so much later than the others that
// it can be seen whether these waited for them.
func (p *Plan) apart() bool {
	all, others := p.Bound().Seconds, p.bound(p.fast).Seconds
	return !p.disturbed() && all >= 2*others && all-others >= startUp
}

func (j *judgement) slow(Fault) {
	others := j.which(j.fast)
	if j.Bound().Seconds == 0 || len(others) == 0 || len(j.unfinished()) > 0 {
		return
	}
	last := func(all []string) (t float64) {
		for _, name := range all {
			t = max(t, *j.nodes[name].done)
		}
		return t
	}
	fast, slow := last(others), last(slices.DeleteFunc(slices.Clone(j.Nodes), func(n string) bool { return j.nodes[n].done == nil }))
	j.say("The others had the file at %s, the slow at %s.", seconds(fast), seconds(slow))
	// Half-way between the bounds is where waiting would begin to show.
	if limit := (j.Bound().Seconds + j.bound(j.fast).Seconds) / 2; j.apart() && fast > limit {
		j.wrong("the others were held back: they were to have it by %s.", seconds(limit))
	}
}
