package peer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/core/sec"
	libp2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"

	"starmesh/common/fault"
)

// errHungUp is that a node ended a connection right after it was made.
var errHungUp = errors.New("it hung up at once (is its mesh private? then --network-key is needed)")

// errNoHole is that two nodes met over a relay and got no further.
var errNoHole = errors.New("it was met over a relay, but no direct connection came about: a NAT or firewall lets none through, or one of the two does not listen on UDP beyond its machine (--listen /ip4/0.0.0.0/udp/4001/quic-v1)")

// mostWhy is how many failures are worth telling of.
const mostWhy = 3

// why says, for people, why nodes that were found are not connected: one line
// for each, a few at most; "" when there is nothing to say.
func (c *connector) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for id, p := range c.known.peers {
		switch {
		case !p.met.IsZero(): // it is connected, or was to our content
		case p.err != nil:
			all = append(all, "node "+short(id)+": "+reason(p.err))
		case p.dialling:
			all = append(all, "node "+short(id)+": no answer yet")
		}
	}
	slices.Sort(all)
	if more := len(all) - mostWhy; more > 0 {
		all = append(all[:mostWhy], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, "\n")
}

// reason puts a dial's failure in words: one line, the most telling of all
// that went wrong at its addresses.
func reason(err error) string {
	var others sec.ErrPeerIDMismatch
	switch {
	case errors.Is(err, errHungUp), errors.Is(err, errNoHole):
		return err.Error()
	case errors.Is(err, fault.Unauthorized):
		return "it has not proved the network key (does it have the same one?)"
	case errors.Is(err, libp2pswarm.ErrGaterDisallowedConnection):
		return "it is not on the list of allowed peers, or has just failed to prove the network key"
	case errors.As(err, &others):
		return "another node answers at " + where(err) + ": its address is out of date"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens at " + where(err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "it hung up before a connection was made, at " + where(err)
	}
	return "no answer from " + where(err)
}

// where gives the addresses that were dialled.
func where(err error) string {
	var dial *libp2pswarm.DialError
	if !errors.As(err, &dial) || len(dial.DialErrors) == 0 {
		return "any of its addresses"
	}
	var all []string
	for _, e := range dial.DialErrors[:min(len(dial.DialErrors), mostWhy)] {
		all = append(all, e.Address.String())
	}
	return strings.Join(all, ", ")
}

// unreached is why, to be put behind a message; the nodes that could not be
// reached are often the ones that have what is missing.
func (n *Node) unreached() string {
	if why := n.connector.why(); why != "" {
		return "\n" + why
	}
	return ""
}
