package metrics

import (
	"fmt"
)

// extra gives the bytes that were moved beside those that were needed.
func (c *computation) extra() {
	var in, again, out, other, wire int64
	var silent []string // nodes whose kernel tells no bytes
	for _, n := range c.run.Nodes {
		in += n.PayloadInBytes
		again += n.AgainInBytes
		out += n.PayloadOutBytes
		other += n.OtherOutBytes
		if n.WireOutBytes == nil {
			silent = append(silent, n.Name)
		} else {
			wire += *n.WireOutBytes
		}
	}
	if in > 0 {
		c.set(Duplicates, float64(again)/float64(in), "")
	} else {
		c.absent(Duplicates, "no node received anything")
	}
	switch {
	case out == 0:
		c.absent(Overhead, "no node sent anything")
	case len(silent) > 0:
		note := "other ÷ payload: the kernel tells nothing of " + some(silent)
		c.set(Overhead, float64(other)/float64(out), note)
	case wire < out:
		c.absent(Overhead, "the kernel counted %d bytes on the wire, fewer than the %d of payload", wire, out)
	default:
		c.set(Overhead, float64(wire-out)/float64(out), "all bytes that the kernel counted at the sockets, but the payload")
	}
}

// perChunk spreads the overhead over the chunks that arrived.
func (c *computation) perChunk() {
	over := c.figures[Overhead]
	chunks, out := int64(0), int64(0)
	for _, n := range c.run.Nodes {
		chunks += n.ChunksIn
		out += n.PayloadOutBytes
	}
	switch {
	case over.Value == nil:
		c.absent(OverheadPerChunk, "%s", over.Absent)
	case chunks == 0:
		c.absent(OverheadPerChunk, "no chunk was received")
	default:
		c.set(OverheadPerChunk, *over.Value*float64(out)/float64(chunks), over.Note)
	}
}

// cpu gives CPU seconds for each GiB that reached a receiver.
func (c *computation) cpu() {
	delivered := int64(0)
	for _, n := range c.run.with(Receiver) {
		delivered += n.DeliveredBytes
	}
	for key, nodes := range map[Key][]Node{CPUPerGiB: c.run.Nodes, OriginCPUPerGiB: c.run.with(Origin)} {
		seconds, silent := 0.0, []string(nil)
		for _, n := range nodes {
			if n.CPUSeconds == nil {
				silent = append(silent, n.Name)
			} else {
				seconds += *n.CPUSeconds
			}
		}
		switch {
		case len(nodes) == 0:
			c.absent(key, "no log is of such a node")
		case delivered == 0:
			c.absent(key, "nothing was delivered")
		case len(silent) > 0:
			c.absent(key, "the CPU time of %s is not known", some(silent))
		default:
			c.set(key, seconds/(float64(delivered)/(1<<30)), "")
		}
	}
}

func (c *computation) memory() {
	for key, nodes := range map[Key][]Node{PeakMemory: c.run.Nodes, OriginPeakMemory: c.run.with(Origin)} {
		highest, who, silent := int64(-1), "", []string(nil)
		for _, n := range nodes {
			if n.RSSPeakBytes == nil {
				silent = append(silent, n.Name)
			} else if *n.RSSPeakBytes > highest {
				highest, who = *n.RSSPeakBytes, n.Name
			}
		}
		switch {
		case len(nodes) == 0:
			c.absent(key, "no log is of such a node")
		case len(silent) > 0:
			c.absent(key, "the memory of %s is not known", some(silent))
		default:
			c.set(key, float64(highest), "of "+who)
		}
	}
}

func (c *computation) connections() {
	for key, nodes := range map[Key][]Node{Connections: c.run.Nodes, OriginConnections: c.run.with(Origin)} {
		if len(nodes) == 0 {
			c.absent(key, "no log is of such a node")
			continue
		}
		highest, total, who := int64(-1), int64(0), ""
		for _, n := range nodes {
			total += n.ConnsTotal
			if n.ConnsPeak > highest {
				highest, who = n.ConnsPeak, n.Name
			}
		}
		c.set(key, float64(highest), fmt.Sprintf("of %s; %d in all", who, total))
	}
	if origins := c.run.with(Origin); len(origins) > 0 {
		total := int64(0)
		for _, n := range origins {
			total += n.ConnsTotal
		}
		c.set(OriginConnsTotal, float64(total), "")
	} else {
		c.absent(OriginConnsTotal, "no log is of such a node")
	}
	refused := int64(0)
	for _, n := range c.run.Nodes {
		refused += n.ConnsRefused
	}
	c.set(ConnectionsRefused, float64(refused), "")
}
