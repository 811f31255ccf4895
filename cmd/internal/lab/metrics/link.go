package metrics

// atTheLink counts what crossed the access links beside payload.
func (c *computation) atTheLink() {
	link, silent := known(c.run.Nodes, func(n *Node) *int64 { return n.LinkOutBytes })
	switch out := counted(c.run.Nodes, payloadOut); {
	case len(silent) == len(c.run.Nodes):
		c.absent(LinkOverhead, "the links were not counted; netns links are")
	case len(silent) > 0:
		c.absent(LinkOverhead, "the links of %s were not counted", some(silent))
	case out == 0:
		c.absent(LinkOverhead, "no node sent anything")
	case link < out:
		c.absent(LinkOverhead, "the links have counted %d bytes, fewer than the %d of payload", link, out)
	default:
		c.set(LinkOverhead, float64(link-out)/float64(out), "")
	}
}

// headers says what the links carry that the bound leaves out, where the
// kernel shapes them; "" where it does not, for then limits are of what
// connections carry.
func (c *computation) headers() string {
	for _, n := range c.run.Nodes {
		if n.LinkOutBytes != nil {
			return "the links carry headers too, which the bound leaves out: in full packets they make 1.05 of it"
		}
	}
	return ""
}
