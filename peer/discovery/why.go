package discovery

import (
	"errors"
	"slices"

	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/peer/p2phost"
)

// errHungUp is that a node ended a connection right after it was made, and never
// said a word: as those do who want a proof that this node does not give, do not
// have it on their list, or do not take its certificate, which they say only when
// it has been sent (TLS 1.3).
var errHungUp = errors.New("it hung up at once (is its mesh private? then its network key is needed, or this node's id on its list; " +
	"or do the clocks of the two differ by more than an hour?)")

// unreached counts those that were dialled in vain, and are not connected.
func (c *connector) unreached() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.known.peers {
		if p.met.IsZero() && errors.Is(p.err, fault.NoSource) && !c.host.Reached(id) {
			n++
		}
	}
	return n
}

// maxWhy is how many failures are worth telling of.
const maxWhy = 3

// why says, for people, why nodes that were found are not connected: one line
// for each, a few at most; "" when there is nothing to say.
func (c *connector) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for id, p := range c.known.peers {
		switch {
		case !p.met.IsZero() && (p.ending != nil || c.host.Reached(id)): // it is connected, or was to our content
		case !p.met.IsZero():
			all = append(all, "node "+p2phost.Short(id)+": "+errHungUp.Error())
		case p.err != nil:
			all = append(all, "node "+p2phost.Short(id)+": "+p.err.Error())
		case p.dialling:
			all = append(all, "node "+p2phost.Short(id)+": no answer yet from "+p2phost.Named(p.info.Addrs))
		}
	}
	slices.Sort(all)
	return readable.Join(all, maxWhy, "\n")
}
