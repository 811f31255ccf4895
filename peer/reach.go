package peer

import (
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
)

// Reach is how much of a file the nodes in reach have between them.
type Reach struct {
	Nodes   int // others in reach that have to do with the file
	Chunks  int // of the file
	Missing int // chunks that this node lacks
	Nowhere int // chunks of them that none of the others has or is getting
}

// Reach tells how much of a shared file, or one that is being fetched, is in
// reach; it is zero for any other.
func (n *Node) Reach(id content.ID) Reach {
	s := n.swarm(id)
	if s == nil {
		return Reach{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reachLocked()
}

func (s *swarm) reachLocked() Reach {
	r := Reach{Nodes: len(s.members), Chunks: s.list.Len(), Missing: s.missing}
	for i := range r.Chunks {
		if !s.giver.Holds(i) && !s.giver.HeldNearby(i) {
			r.Nowhere++
		}
	}
	return r
}

// Links are the nodes that this one is linked with now.
func (n *Node) Links() []peer.ID {
	var ids []peer.ID
	for _, l := range n.allLinks() {
		ids = append(ids, l.peer)
	}
	return ids
}

// Addrs are the addresses at which others can reach the node, with its id.
func (n *Node) Addrs() []ma.Multiaddr {
	info := ticketAddrs(n.host)
	addrs, err := peer.AddrInfoToP2pAddrs(&info)
	if err != nil {
		return nil // only for an id that is none
	}
	return addrs
}

// Meet has the node keep looking for the given nodes.
func (n *Node) Meet(peers ...peer.AddrInfo) {
	for _, p := range peers {
		n.connector.found(p)
	}
	n.joining.add(peers)
}
