package peer

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// A finder knows one way to find nodes. Run blocks until ctx ends, then gives
// nil, or until this way can not work here, then it says why. It calls found
// from any goroutine, as often as it hears of a node; found does not block.
//
// Every way does alone: known addresses (joined), the local network
// (mdnsFinder), a table kept by the nodes themselves (dhtFinder), and peers
// that tell of peers, which the exchange carries (tellable, checkTold).
type finder interface {
	Run(ctx context.Context, found func(peer.AddrInfo)) error
}

// maxAddrsPeer bounds the addresses that are kept of one peer.
const maxAddrsPeer = 8

// usable keeps the addresses that can be dialled at all, each once.
func usable(info peer.AddrInfo) peer.AddrInfo {
	kept := peer.AddrInfo{ID: info.ID}
	for _, a := range info.Addrs {
		if len(kept.Addrs) < maxAddrsPeer && checkDialable(a) == nil && !ma.Contains(kept.Addrs, a) {
			kept.Addrs = append(kept.Addrs, a)
		}
	}
	return kept
}
