package faultinject

import (
	"fmt"
	"math"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
)

// StopOrigin is that the origin goes, and comes back once all stand still
// without it.
const StopOrigin Kind = "stop-origin"

func stopOrigin() *kind {
	return &kind{
		Kind: StopOrigin, form: form{example: "stop-origin@50%", at: true}, origin: true, breaks: true,
		expect: (*Plan).expectOutage, strike: (*Course).outage, judge: (*judgement).outage,
	}
}

func (p *Plan) expectOutage(f Fault) string {
	again := fmt.Sprintf("nothing is fetched again but the chunks in flight (at most %d at each)", p.inFlight())
	if !p.System.Relays {
		return fmt.Sprintf("%s stops when %s of all bytes have arrived. Nobody else gives anything: all %s stand still and keep what they have. "+
			"When it is back they go on where they stopped and finish; %s.", units.Capital(p.origin()), percent(f.At), p.System.Nodes.Receivers, again)
	}
	return fmt.Sprintf("%[1]s stops when %[2]s of all bytes have arrived%[3]s. The receivers finish without it if, and only if, every chunk was out by then. "+
		"If not, each still gets all that is out, keeps it, and finishes when %[4]s is back; %[5]s.", units.Capital(p.origin()), percent(f.At), p.predictOut(f), p.origin(), again)
}

// predictOut returns which share of the chunks an origin has given away by then,
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

// outage is the time without the origin.
type outage struct {
	stage  stage
	at     *float64 // when it was stopped
	gone   float64  // when it was seen to have gone
	share  float64  // of all bytes that had arrived by then
	out    float64  // the share of chunks that were with somebody else
	lowest float64  // of what was out, what the receiver with the least of it had
	stood  float64  // when all were found to stand still; 0: never
}

type stage int

const (
	present  stage = iota // the origin is there
	stopping              // it was told to go
	absent                // it has gone
	back                  // it was started again
)

const (
	// still is how long nobody gets anything before all are taken to stand
	// still, where that is to be expected, and patience where it is not: they
	// may only be slow.
	still    = 2.0
	patience = 30.0
	// fewChunks is for how many chunks at the slowest rate to wait in any case.
	fewChunks = 4
)

// outage stops the origin, looks whether all finish without it, and brings it
// back if they do not.
func (c *Course) outage(f Fault) []Do {
	o := &c.origin
	switch o.stage {
	case present:
		if c.share() < f.At || c.Over() {
			return nil
		}
		o.stage, o.at = stopping, new(c.now)
		return []Do{{Stop, c.Origin}}
	case stopping:
		if c.nodes[c.Origin].State == labdir.Gone {
			o.stage, o.gone, o.share = absent, c.now, c.share()
			for _, name := range c.unfinished() {
				c.nodes[name].cuts++
			}
		}
	case absent:
		out := c.out()
		o.out = share(out)
		if c.Over() || !c.standsStill(out) {
			return nil
		}
		o.stage, o.stood, o.lowest = back, c.now, c.lowest(out)
		return []Do{{Restart, c.Origin}}
	}
	return nil
}

// out returns the chunks that somebody other than the origin has and gives.
func (c *Course) out() content.Set {
	out := content.NewSet(c.Chunks)
	if !c.System.Relays {
		return out
	}
	for _, name := range c.Receivers {
		if !c.with(name).trait.silent && c.nodes[name].State != labdir.Gone {
			out = out.Union(c.holds(name))
		}
	}
	return out
}

func share(s content.Set) float64 {
	if s.Len() == 0 {
		return 1
	}
	return float64(s.Count()) / float64(s.Len())
}

// lowest returns which share of out the receiver has that has the least of it.
func (c *Course) lowest(out content.Set) float64 {
	lowest := 1.0
	for _, name := range c.unfinished() {
		if lacks := out.Minus(c.holds(name)).Count(); lacks > 0 {
			lowest = min(lowest, 1-float64(lacks)/float64(out.Count()))
		}
	}
	return lowest
}

// standsStill reports whether nobody gets anything any more. Where there is
// something to be got they have more time for it.
func (c *Course) standsStill(out content.Set) bool {
	wait := still
	if c.System.Relays && (out.Full() || c.lowest(out) < 1) {
		wait = patience
	}
	return c.now-max(c.grown, c.origin.gone) >= wait+fewChunks*c.chunkSeconds()
}

// chunkSeconds is how long a chunk takes on the slowest link.
func (c *Course) chunkSeconds() float64 {
	chunk := float64(content.ChunkSize(c.FileBytes))
	seconds := chunk * float64(max(len(c.Receivers), 1)) / c.Links.Origin // which all share
	for i, name := range c.Receivers {
		slowness := c.Slowness(name)
		seconds = max(seconds, chunk/(c.Links.Up[i]*slowness), chunk/(c.Links.Down[i]*slowness))
	}
	return seconds
}

func (j *judgement) outage(Fault) {
	o := j.Course.origin
	j.Seconds = o.at
	if o.at == nil || o.stage == stopping {
		j.wrong("it was over before %s could be stopped; take a larger file or slower links.", j.Plan.origin())
		return
	}
	j.say("%s stopped at %s, with %s of all bytes arrived.", units.Capital(j.Plan.origin()), seconds(*o.at), percent(o.share))
	switch {
	case j.System.Relays && o.stood == 0:
		if o.out < 1 {
			j.say("The last missing chunks were on their way just then.")
		}
		j.say("Every chunk was out, and all finished without it.")
	case j.System.Relays:
		j.say("%s of the chunks were out; the others existed nowhere else.", percent(o.out))
		if o.out >= 1 {
			j.wrong("nobody needed %s any more, yet they stood still.", j.Plan.origin())
		} else if o.lowest < 1 && !j.asked(Churn) {
			j.wrong("one receiver had only %s of what was out when all stood still.", percent(o.lowest))
		} else if o.lowest == 1 {
			j.say("Each receiver got all of these, and then all stood still.")
		}
		j.say("%s came back at %s.", units.Capital(j.Plan.origin()), seconds(o.stood))
	case o.stood == 0:
		j.wrong("the %s finished without %s.", j.System.Nodes.Receivers, j.Plan.origin())
	default:
		j.say("All %s stood still and kept what they had. It came back at %s, and they went on.", j.System.Nodes.Receivers, seconds(o.stood))
	}
	j.fetchedOnce()
}
