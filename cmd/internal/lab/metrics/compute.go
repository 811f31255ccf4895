package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// computation collects the figures of one run.
type computation struct {
	run     *Run
	figures map[Key]Figure
}

func (c *computation) all() {
	c.figures = make(map[Key]Figure)
	c.times()
	c.bound()
	c.shares()
	c.extra()
	c.perChunk()
	c.atTheLink()
	c.cpu()
	c.memory()
	c.connections()
}

func (c *computation) set(key Key, value float64, note string) {
	c.figures[key] = Figure{Value: &value, Note: note}
}

func (c *computation) absent(key Key, format string, args ...any) {
	c.figures[key] = Figure{Absent: fmt.Sprintf(format, args...)}
}

// sent lists what each node sent.
func (c *computation) sent() []float64 { return sentBy(c.run.Nodes) }

func sentBy(nodes []Node) []float64 {
	sent := make([]float64, len(nodes))
	for i, n := range nodes {
		sent[i] = float64(n.PayloadOutBytes)
	}
	return sent
}

func (c *computation) times() {
	receivers := c.run.expected()
	var done []float64
	var missing []string
	for _, n := range receivers {
		if n.DoneSeconds != nil {
			done = append(done, *n.DoneSeconds)
		} else {
			missing = append(missing, n.Name)
		}
	}
	slices.Sort(done)
	n := len(receivers)
	note := excused(c.run.with(Receiver))
	why := "there is no receiver"
	if n > 0 {
		why = fmt.Sprintf("%d of %s did not get the whole file: %s", len(missing), units.Counted(n, "receiver"), some(missing))
	}
	if n > 0 && len(missing) == 0 {
		c.set(Distribution, done[n-1], note)
	} else {
		c.absent(Distribution, "%s", why)
	}
	for key, p := range map[Key]float64{P50: 50, P99: 99} {
		if value, ok := NearestRank(done, n, p); ok {
			c.set(key, value, note)
		} else {
			c.absent(key, "%s", why)
		}
	}
}

// excused tells of the receivers that times leave out.
func excused(receivers []Node) string {
	var names []string
	for _, n := range receivers {
		if n.Excused != "" {
			names = append(names, n.Name+" ("+n.Excused+")")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "without " + some(names)
}

// some lists a few names of many.
func some(names []string) string { return readable.List(names, 5) }

func (c *computation) bound() {
	l, size := c.run.deciding(), float64(c.run.FileBytes)
	if len(l.Up) == 0 || l.Check() != nil {
		c.absent(BoundSeconds, "there is no receiver, or a link that carries nothing")
		c.absent(BoundMultiple, "there is no bound")
		return
	}
	bound := c.run.System.Bound(size, l)
	if c.run.System.Relays {
		c.chunked(l, size)
	}
	if bound.Seconds == 0 {
		c.absent(BoundSeconds, "the logs tell of no limited link (and none was given)")
		c.absent(BoundMultiple, "there is no bound")
		return
	}
	c.set(BoundSeconds, bound.Seconds, "set by "+bound.By)
	took := c.figures[Distribution].Value
	switch {
	case took == nil:
		c.absent(BoundMultiple, "there is no distribution time")
		return
	default:
		c.set(BoundMultiple, *took/bound.Seconds, cmp.Or(c.headers(), early(*took/bound.Seconds)))
	}
	if short := c.alreadyHeld(); short != "" {
		f := c.figures[BoundMultiple]
		f.Doubts = append(f.Doubts, short)
		c.figures[BoundMultiple] = f
	}
}

// early explains less than the least possible.
func early(multiple float64) string {
	if multiple >= 1 {
		return ""
	}
	return "less than 1, for the limits let a first burst through"
}

// chunked gives Mundinger's bound where it holds: one origin and receivers
// with the same uplink.
func (c *computation) chunked(l system.Links, size float64) {
	if c.run.Chunks == 0 || math.IsInf(l.Origin, 1) || len(c.run.with(Origin)) != 1 {
		c.absent(ChunkedBound, "the uplinks or the number of chunks are not known")
		return
	}
	for _, up := range l.Up {
		if math.Abs(up-l.Origin) > l.Origin/1000 {
			c.absent(ChunkedBound, "the uplinks are not equal")
			return
		}
	}
	c.set(ChunkedBound, system.ChunkedBound(size, l.Origin, len(l.Up), c.run.Chunks), units.Counted(c.run.Chunks, "chunk"))
}

// alreadyHeld tells of receivers that began with a part of the file: the bound
// is one for those that begin with nothing.
func (c *computation) alreadyHeld() string {
	var names []string
	for _, n := range c.run.expected() {
		if n.DoneSeconds != nil && n.DeliveredBytes < c.run.FileBytes {
			names = append(names, n.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return some(names) + " did not begin with nothing, as the bound supposes"
}

// originCopies is how often the file has left the nodes that had it at first.
func (c *computation) originCopies() {
	switch origins := c.run.with(Origin); {
	case len(origins) == 0:
		c.absent(OriginCopies, "no log is of an origin")
	case c.run.FileBytes == 0:
		c.absent(OriginCopies, "the file is empty, or its size is not known")
	default:
		note := ""
		if len(origins) > 1 {
			note = fmt.Sprintf("of %d origins together", len(origins))
		}
		c.set(OriginCopies, sum(sentBy(origins))/float64(c.run.FileBytes), note)
	}
}

func (c *computation) shares() {
	c.originCopies()
	sent := c.sent()
	effective, ok := EffectiveUploaders(sent)
	if !ok {
		for _, key := range []Key{HottestShare, Uploaders, Jain, JainReceivers, GiniIndex} {
			c.absent(key, "no node sent anything")
		}
		return
	}
	gini, _ := Gini(sent) // there is one whenever somebody sent
	c.set(HottestShare, slices.Max(sent)/sum(sent), "")
	c.set(Uploaders, effective, fmt.Sprintf("of %d nodes", len(sent)))
	c.set(Jain, effective/float64(len(sent)), "")
	c.set(GiniIndex, gini, "")
	receivers := sentBy(c.run.with(Receiver))
	if effective, ok = EffectiveUploaders(receivers); ok {
		c.set(JainReceivers, effective/float64(len(receivers)), "")
	} else {
		c.absent(JainReceivers, "no receiver sent anything")
	}
}

func sum(all []float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += x
	}
	return sum
}
