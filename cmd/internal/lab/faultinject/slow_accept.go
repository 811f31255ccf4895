package faultinject

import (
	"fmt"
	"time"

	"starmesh/cmd/internal/units"
)

// SlowAccept is that the origin waits after each connection that it takes, so
// that the others queue.
const SlowAccept Kind = "slow-accept"

func slowAccept() *kind {
	return &kind{
		Kind: SlowAccept, form: form{example: "slow-accept:1s", regular: true}, origin: true, breaks: true,
		expect: (*Plan).expectQueue, judge: (*judgement).queued,
	}
}

// acceptPause is how long a node waits after each connection that it takes.
func (p *Plan) acceptPause(node string) time.Duration {
	for _, f := range p.faults {
		if f.Kind == SlowAccept && node == p.Origin {
			return f.Every
		}
	}
	return 0
}

func (p *Plan) expectQueue(f Fault) string {
	if p.System.Relays {
		return fmt.Sprintf("The origin of a %s is no gate through which all must come: no effect.", p.System.Head().Name)
	}
	last := time.Duration(len(p.Receivers)-1) * f.Every
	what := fmt.Sprintf("the last of %d is served after %s", len(p.Receivers), units.Duration(last))
	if p.System.Asks != nil && p.System.Asks.OneByOne {
		what = fmt.Sprintf("with a connection for each of %d chunks that takes all of them %s at the least",
			p.Chunks, units.Duration(time.Duration(len(p.Receivers)*p.Chunks-1)*f.Every))
	}
	return fmt.Sprintf("%s waits %s after each connection it takes. The kernel connects the others at once, and they wait in the accept queue: %s. All get the file.",
		units.Capital(p.origin()), units.Duration(f.Every), what)
}

func (j *judgement) queued(Fault) {
	longest := j.nodes[j.Origin].queue
	switch {
	case j.System.Relays:
	case longest == 0 && len(j.Receivers) > 2:
		j.wrong("nobody was seen to wait.")
	default:
		j.say("The accept queue had up to %s.", units.Counted(longest, "connection"))
	}
}
