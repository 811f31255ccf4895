package metrics

import (
	"fmt"
)

// counted adds up a number that all nodes know.
func counted(nodes []Node, number func(*Node) int64) (sum int64) {
	for i := range nodes {
		sum += number(&nodes[i])
	}
	return sum
}

// known adds up a number of the nodes, and lists those of which it is not known.
func known[N int64 | float64](nodes []Node, number func(*Node) *N) (sum N, silent []string) {
	for i := range nodes {
		if n := number(&nodes[i]); n != nil {
			sum += *n
		} else {
			silent = append(silent, nodes[i].Name)
		}
	}
	return sum, silent
}

// highest is the largest number that a node has, and the first that has it.
func highest(nodes []Node, number func(*Node) int64) (value int64, who string) {
	value = -1
	for i := range nodes {
		if n := number(&nodes[i]); n > value {
			value, who = n, nodes[i].Name
		}
	}
	return value, who
}

func payloadOut(n *Node) int64 { return n.PayloadOutBytes }
func connsTotal(n *Node) int64 { return n.ConnsTotal }

// extra counts the bytes that were moved beside those that were needed.
func (c *computation) extra() {
	in := counted(c.run.Nodes, func(n *Node) int64 { return n.PayloadInBytes })
	again := counted(c.run.Nodes, func(n *Node) int64 { return n.AgainInBytes })
	other := counted(c.run.Nodes, func(n *Node) int64 { return n.OtherOutBytes })
	wire, silent := known(c.run.Nodes, func(n *Node) *int64 { return n.WireOutBytes }) // what their kernels tell
	if in > 0 {
		c.set(Duplicates, float64(again)/float64(in), "")
	} else {
		c.absent(Duplicates, "no node received anything")
	}
	switch out := counted(c.run.Nodes, payloadOut); {
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
	chunks := counted(c.run.Nodes, func(n *Node) int64 { return n.ChunksIn })
	switch {
	case over.Value == nil:
		c.absent(OverheadPerChunk, "%s", over.Absent)
	case chunks == 0:
		c.absent(OverheadPerChunk, "no chunk was received")
	default:
		c.set(OverheadPerChunk, *over.Value*float64(counted(c.run.Nodes, payloadOut))/float64(chunks), over.Note)
	}
}

// cpu counts CPU seconds for each GiB that reached a receiver.
func (c *computation) cpu() {
	delivered := counted(c.run.with(Receiver), func(n *Node) int64 { return n.DeliveredBytes })
	for key, nodes := range map[Key][]Node{CPUPerGiB: c.run.Nodes, OriginCPUPerGiB: c.run.with(Origin)} {
		seconds, silent := known(nodes, func(n *Node) *float64 { return n.CPUSeconds })
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
		_, silent := known(nodes, func(n *Node) *int64 { return n.RSSPeakBytes })
		switch {
		case len(nodes) == 0:
			c.absent(key, "no log is of such a node")
		case len(silent) > 0:
			c.absent(key, "the memory of %s is not known", some(silent))
		default:
			bytes, who := highest(nodes, func(n *Node) int64 { return *n.RSSPeakBytes })
			c.set(key, float64(bytes), "of "+who)
		}
	}
}

func (c *computation) connections() {
	origins := c.run.with(Origin)
	for key, nodes := range map[Key][]Node{Connections: c.run.Nodes, OriginConnections: origins} {
		if len(nodes) == 0 {
			c.absent(key, "no log is of such a node")
			continue
		}
		conns, who := highest(nodes, func(n *Node) int64 { return n.ConnsPeak })
		c.set(key, float64(conns), fmt.Sprintf("of %s; %d in all", who, counted(nodes, connsTotal)))
	}
	if len(origins) > 0 {
		c.set(OriginConnsTotal, float64(counted(origins, connsTotal)), "")
	} else {
		c.absent(OriginConnsTotal, "no log is of such a node")
	}
	c.set(ConnectionsRefused, float64(counted(c.run.Nodes, func(n *Node) int64 { return n.ConnsRefused })), "")
}
