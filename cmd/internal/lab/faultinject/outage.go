package faultinject

import (
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/content"
)

// outage is the time without the origin.
type outage struct {
	stage stage
	at    *float64 // when it was stopped
	gone  float64  // when it was seen to have gone
	share float64  // of all bytes that had arrived by then
	out   float64  // the share of chunks that were with somebody else
	least float64  // of what was out, what the receiver with the least of it had
	stood float64  // when all were found to stand still; 0: never
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
		o.stage, o.stood, o.least = back, c.now, c.least(out)
		return []Do{{Restart, c.Origin}}
	}
	return nil
}

// out gives the chunks that somebody other than the origin has and gives.
func (c *Course) out() content.Set {
	out := content.NewSet(c.Chunks)
	if !c.System.Relays {
		return out
	}
	for _, name := range c.Receivers {
		gives := !c.is(FreeRider, name) && !c.is(Liar, name) && c.nodes[name].State != labdir.Gone
		if gives {
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

// least gives which share of out the receiver has that has the least of it.
func (c *Course) least(out content.Set) float64 {
	least := 1.0
	for _, name := range c.unfinished() {
		if lacks := out.Minus(c.holds(name)).Count(); lacks > 0 {
			least = min(least, 1-float64(lacks)/float64(out.Count()))
		}
	}
	return least
}

// standsStill tells whether nobody gets anything any more. Where there is
// something to be got they have more time for it.
func (c *Course) standsStill(out content.Set) bool {
	wait := still
	if c.System.Relays && (out.Full() || c.least(out) < 1) {
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
