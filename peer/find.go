package peer

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
)

// A finder knows one way to find nodes. Run blocks until ctx ends and calls
// found, quickly and from any goroutine, as often as it hears of a node.
type finder interface {
	Run(ctx context.Context, found func(peer.AddrInfo)) error
}

// joined finds the nodes at known addresses: those of --join and of tickets.
func newJoined(h host.Host, peers []peer.AddrInfo) *joined { return &joined{} }

type joined struct{}

func (j *joined) add(peers []peer.AddrInfo)                                {}
func (j *joined) Run(ctx context.Context, found func(peer.AddrInfo)) error { return nil }

// newConnector dials what finders find: not itself, not whom it is connected
// with, a few at a time, each again only after a pause that grows.
func newConnector(h host.Host) *connector { return &connector{} }

type connector struct{}

func (c *connector) found(peer.AddrInfo)           {}
func (c *connector) Run(ctx context.Context) error { return nil }

// maxTold is how many peers one message of the exchange may tell of.
const maxTold = 32

// tellable gives what may be told about h's connected peers to one at `to`:
// at most maxTold, with addresses that can be of use there.
func tellable(h host.Host, to peer.ID, about []peer.ID) []peer.AddrInfo { return nil }

// checkTold keeps what is sensible of what `from` told of: no more than
// maxTold, none of us, no private address from a public teller, bounded.
func checkTold(h host.Host, from peer.ID, told []peer.AddrInfo) []peer.AddrInfo { return nil }

// newDHT finds through a Kademlia table among the nodes themselves.
func newDHT(h host.Host, key NetworkKey, public bool) *dhtFinder { return &dhtFinder{} }

type dhtFinder struct{}

// have and want say what to announce and to look for; drop ends both.
func (d *dhtFinder) have(id content.ID)                                       {}
func (d *dhtFinder) want(id content.ID)                                       {}
func (d *dhtFinder) drop(id content.ID)                                       {}
func (d *dhtFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error { return nil }

// newMDNS finds on the local network.
func newMDNS(h host.Host, key NetworkKey) *mdnsFinder { return &mdnsFinder{} }

type mdnsFinder struct{}

func (m *mdnsFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error { return nil }
