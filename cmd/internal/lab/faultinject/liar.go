package faultinject

import (
	"fmt"
	"maps"

	"starmesh/common/load"
)

// Liar is that receivers give wrong bytes. It is a trait in records.
const Liar Kind = load.TraitLiar

// MaxWrong is how many chunks a node of the mesh takes from one that has not
// brought anything right yet: as many may be on their way when the first is
// found wrong. It is the mesh's scheduler.MaxUnproven, which a test beside the
// program's commands holds.
const MaxWrong = 6

func liar() *kind {
	return &kind{
		Kind: Liar, form: form{example: "liar:1", counted: true}, trait: trait{silent: true, misbehave: "lie"},
		excuse: func(p *Plan) string {
			if !p.System.Relays {
				return ""
			}
			return "it sends wrong chunks, and the others have cut it off"
		},
		expect: (*Plan).expectLiars, judge: (*judgement).liars,
	}
}

func (p *Plan) expectLiars(f Fault) string {
	if !p.System.Relays {
		return fmt.Sprintf("%s would give wrong bytes. No receiver of %s gives anything to anyone: no effect, no wrong chunk.", p.someone(f.Count), p.likes())
	}
	return fmt.Sprintf("%s give wrong bytes. Whoever gets a chunk of theirs finds that out at once, throws it away and cuts them off: "+
		"wrong chunks are counted, at most %d from a liar at each node. All others get the right file%s.",
		p.someone(f.Count), MaxWrong, notBefore(p.Bound(), "the others, with the liars' uplinks counting for nothing"))
}

func (j *judgement) liars(Fault) {
	bad := j.Course.wrong()
	if !j.System.Relays {
		if bad > 0 {
			j.wrong("%d wrong chunks arrived.", bad)
		} else {
			j.say("No wrong chunk arrived.")
		}
		return
	}
	allowed := int64(MaxWrong * len(j.Nodes) * (len(j.Receivers) - 1) * (1 + j.churns))
	switch {
	case bad == 0:
		j.wrong("they gave nobody anything, so there was nothing to find out.")
	case bad > allowed:
		j.wrong("%d wrong chunks arrived, more than %d: they were not cut off.", bad, allowed)
	default:
		j.say("%d wrong chunks arrived, were found out and thrown away; those who sent them were cut off.", bad)
	}
}

// wrong counts the wrong chunks that all nodes have received.
func (c *Course) wrong() (sum int64) {
	for n := range maps.Values(c.nodes) {
		sum += n.bad + n.ChunksBad
	}
	return sum
}
