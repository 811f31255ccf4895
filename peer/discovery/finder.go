package discovery

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A finder knows one way to find nodes. Run blocks until ctx ends, then gives
// nil, or until this way can not work here, then it says why. It calls found
// from any goroutine, as often as it hears of a node; found does not block.
//
// Every way does alone: known addresses (joined), the local network
// (mdnsFinder), the machine (machineFinder), a table kept by the nodes themselves (dhtFinder), and peers
// that tell of peers, which the exchange carries (tellable, checkTold).
type finder interface {
	Run(ctx context.Context, found func(peer.AddrInfo)) error
}
