package peer

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// joined finds the nodes at known addresses, those of --join and of tickets,
// and again whenever their connection is lost.
type joined struct {
	host host.Host

	mu    sync.Mutex
	peers []peer.AddrInfo
	more  chan struct{} // has room for one
}

// maxJoined bounds the known addresses; the oldest are dropped.
const maxJoined = 256

// joinedPeriod is how soon a lost connection is noticed.
const joinedPeriod = time.Second

func newJoined(h host.Host, peers []peer.AddrInfo) *joined {
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
