package faultinject

import (
	"fmt"
	"maps"

	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

// FreeRider is that receivers take and give nothing. It is a trait in records.
const FreeRider Kind = load.TraitFreeRider

func freeRider() *kind {
	return &kind{
		Kind: FreeRider, form: form{example: "free-rider:4", counted: true}, trait: trait{silent: true, misbehave: "free-ride"},
		expect: (*Plan).expectFreeRiders, judge: (*judgement).freeRiders,
	}
}

func (p *Plan) expectFreeRiders(f Fault) string {
	if !p.System.Relays {
		return fmt.Sprintf("%s would give nothing. No receiver of %s gives anything: no effect.", p.someone(f.Count), p.likes())
	}
	s := fmt.Sprintf("%s take and give nothing. All get the file, the free riders too", p.someone(f.Count))
	with, honest := p.Bound(), p.honestBound()
	switch {
	case with.Seconds == 0:
		return s + "."
	case with.Seconds > honest.Seconds*1.005:
		return fmt.Sprintf("%s. Their uplinks are missed: the bound is %s, and would be %s if they gave. %s", s, seconds(with.Seconds), seconds(honest.Seconds), p.atMost())
	default:
		return fmt.Sprintf("%s. The others' uplinks make up for theirs: the bound is %s either way (%s). %s", s, seconds(with.Seconds), with.By, p.atMost())
	}
}

// atMost says how long free riders may make it take.
func (p *Plan) atMost() string {
	if p.disturbed() {
		return "With what else is to go wrong, it may take any time."
	}
	return "It takes at most twice that, and a moment to begin."
}

// honestBound is the bound if free riders and liars gave as others do.
func (p *Plan) honestBound() system.Bound {
	q := *p
	q.hit = maps.Clone(p.hit)
	maps.DeleteFunc(q.hit, func(_ string, k *kind) bool { return k.trait.silent })
	return q.Bound()
}

func (j *judgement) freeRiders(Fault) {
	var gave []string
	for _, name := range j.Nodes {
		if j.nodes[name].OutBytes > 0 {
			gave = append(gave, name)
		}
	}
	if len(gave) > 0 {
		j.wrong("%s gave something.", names(gave))
	} else {
		j.say("They gave nothing.")
	}
	bound := j.Bound().Seconds
	if !j.System.Relays || bound == 0 || j.took == 0 {
		return
	}
	j.say("It took %s, %.2f times the bound.", seconds(j.took), j.took/bound)
	if !j.disturbed() && j.took > 2*bound+startUp {
		j.wrong("that is more than twice the bound.")
	}
}
