package faultinject

import (
	"fmt"
	"math"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/system"
)

// Expected states the outcome that is to be expected of each fault, before the
// trial: from what the systems are, with numbers where the theory has some.
func (p *Plan) Expected() []labdir.Fault {
	var all []labdir.Fault
	for _, f := range p.faults {
		all = append(all, labdir.Fault{Fault: f.String(), Nodes: p.struck(f.Kind), Expected: p.expected(f)})
	}
	return all
}

// struck gives the nodes that are known beforehand to be hit.
func (p *Plan) struck(kind Kind) []string {
	if kind == StopOrigin {
		return []string{p.Origin}
	}
	return p.names(kind)
}

func (p *Plan) expected(f Fault) string {
	switch f.Kind {
	case StopOrigin:
		return p.expectOutage(f)
	case KillReceivers:
		return p.expectKills(f)
	case Churn:
		return fmt.Sprintf("Every %v a receiver is killed and started again. It goes on from the file it had begun: "+
			"all get the file in the end, and nothing that was verified is fetched again but the chunks in flight (at most %d for each break).",
			f.Every, p.inFlight())
	case FreeRider:
		return p.expectFreeRiders(f)
	case Liar:
		return p.expectLiars(f)
	default:
		return p.expectSlow(f)
	}
}

func (p *Plan) expectOutage(f Fault) string {
	again := fmt.Sprintf("nothing is fetched again but the chunks in flight (at most %d at each)", p.inFlight())
	if !p.System.Relays {
		return fmt.Sprintf("%s stops when %s of all bytes have arrived. Nobody else gives anything: all %s stand still and keep what they have. "+
			"When it is back they go on where they stopped and finish; %s.", sentence(p.origin()), percent(f.At), p.System.Nodes.Receivers, again)
	}
	return fmt.Sprintf("%[1]s stops when %[2]s of all bytes have arrived%[3]s. The receivers finish without it if, and only if, every chunk was out by then. "+
		"If not, each still gets all that is out, keeps it, and finishes when %[4]s is back; %[5]s.", sentence(p.origin()), percent(f.At), p.predictOut(f), p.origin(), again)
}

// predictOut tells which share of the chunks an origin has given away by then,
// if all goes as fast as it can: it gives one copy of each, one after the other,
// as fast as its uplink allows.
func (p *Plan) predictOut(f Fault) string {
	t := p.Bound().Seconds
	if t == 0 {
		return ""
	}
	out := min(1, p.Links.Origin*t*f.At/float64(p.FileBytes))
	if math.IsNaN(out) {
		return ""
	}
	if out == 1 {
		return ": by the bound, all of its chunks may be out by then"
	}
	return fmt.Sprintf(": by the bound, about %s of its chunks are out by then", percent(out))
}

func (p *Plan) expectKills(f Fault) string {
	why := "They never depended on each other."
	if p.System.Relays {
		why = "What the killed were to pass on, others or " + p.origin() + " give instead."
	}
	return fmt.Sprintf("%s are killed when %s of all bytes have arrived. %s All others get the file%s.",
		p.someone(f.Count), percent(f.At), why, notBefore(p.bound(KillReceivers, Liar), "the others alone"))
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
	q := &Plan{Run: p.Run, faults: p.faults, hit: map[Kind][]int{Slow: p.hit[Slow]}}
	return q.Bound()
}

func (p *Plan) expectLiars(f Fault) string {
	if !p.System.Relays {
		return fmt.Sprintf("%s would give wrong bytes. No receiver of %s gives anything to anyone: no effect, no wrong chunk.", p.someone(f.Count), p.likes())
	}
	return fmt.Sprintf("%s give wrong bytes. Whoever gets a chunk of theirs finds that out at once, throws it away and cuts them off: "+
		"wrong chunks are counted, at most %d from a liar at each node. All others get the right file%s.",
		p.someone(f.Count), MaxWrong, notBefore(p.Bound(), "the others, with the liars' uplinks counting for nothing"))
}

func (p *Plan) expectSlow(f Fault) string {
	s := fmt.Sprintf("%s have a tenth of the rates.", p.someone(f.Count))
	others, all := p.bound(Slow, Liar, KillReceivers).Seconds, p.Bound().Seconds
	switch {
	case all == 0:
		return s + " No link has a limit, so a tenth is none either: no effect."
	case len(p.others()) == 0:
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

// others are the receivers that are to get the file at full rates.
func (p *Plan) others() []string {
	var all []string
	for _, name := range p.toFinish() {
		if !p.is(Slow, name) {
			all = append(all, name)
		}
	}
	return all
}

// apart tells whether slow nodes must finish so much later than the others that
// it can be seen whether these waited for them.
func (p *Plan) apart() bool {
	all, others := p.Bound().Seconds, p.bound(Slow, Liar, KillReceivers).Seconds
	return !p.disturbed() && all >= 2*others && all-others >= startUp
}

func notBefore(b system.Bound, whose string) string {
	if b.Seconds == 0 {
		return ""
	}
	return fmt.Sprintf(", not before %s (the bound of %s)", seconds(b.Seconds), whose)
}

func seconds(s float64) string { return fmt.Sprintf("%.3g s", s) }

func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}
