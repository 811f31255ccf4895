package discovery

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/peer/p2phost"
)

// joined finds the nodes at known addresses, those it was told to join and of tickets,
// and again whenever their connection is lost.
type joined struct {
	host *p2phost.Host

	mu    sync.Mutex
	peers []peer.AddrInfo
	more  chan struct{} // has room for one
}

// maxJoined bounds the known addresses; the oldest are dropped.
const maxJoined = 256

// joinedPeriod is how soon a lost connection is noticed.
const joinedPeriod = time.Second

func newJoined(h *p2phost.Host, peers []peer.AddrInfo) *joined {
	j := &joined{host: h, more: make(chan struct{}, 1)}
	j.add(peers)
	return j
}

// add makes more addresses known, at any time.
func (j *joined) add(peers []peer.AddrInfo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.peers = mergePeers(j.peers, peers)
	j.peers = j.peers[max(0, len(j.peers)-maxJoined):]
	select {
	case j.more <- struct{}{}:
	default:
	}
}

// Run tells of every known node that is not connected. The pauses between
// attempts are the connector's.
func (j *joined) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	tick := time.NewTicker(joinedPeriod)
	defer tick.Stop()
	for {
		for _, p := range j.missing() {
			found(p)
		}
		select {
		case <-tick.C:
		case <-j.more:
		case <-ctx.Done():
			return nil
		}
	}
}

func (j *joined) missing() []peer.AddrInfo {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []peer.AddrInfo
	for _, p := range j.peers {
		if j.host.Network().Connectedness(p.ID) != network.Connected {
			out = append(out, p)
		}
	}
	return out
}

// mergePeers adds peers to all, each id once with all its addresses.
func mergePeers(all, more []peer.AddrInfo) []peer.AddrInfo {
next:
	for _, p := range more {
		for i := range all {
			if all[i].ID == p.ID {
				all[i].Addrs = ma.Unique(slices.Concat(all[i].Addrs, p.Addrs)) // who was told of the old ones reads them still
				continue next
			}
		}
		all = append(all, p)
	}
	return all
}
