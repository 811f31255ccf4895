package peer

import (
	"context"
	"time"

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

// Reach returns how much of a shared file, or one that is being fetched, is in
// reach; it is zero for any other.
func (n *Node) Reach(id content.ID) Reach {
	s := n.shelf.swarm(id)
	if s == nil {
		return Reach{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reachLocked()
}

func (s *swarm) reachLocked() Reach {
	r := Reach{Nodes: len(s.members), Chunks: s.list.Len(), Missing: s.take.intake.Lacking()}
	for i := range r.Chunks {
		if !s.give.giver.Holds(i) && !s.give.giver.HeldNearby(i) {
			r.Nowhere++
		}
	}
	return r
}

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.self.peer }

// Links are the nodes that this one is linked with now.
func (n *Node) Links() []peer.ID {
	var ids []peer.ID
	for _, l := range n.links.all() {
		ids = append(ids, l.peer)
	}
	return ids
}

// Hidden is who passes on only to those that it reaches itself, or not even that.
type Hidden struct {
	Self           bool // no linked node could dial this one, by its addresses
	Others, Linked int  // linked nodes: that none of the others could, and all
	Unreached      int  // nodes that were found, and do not answer
	Alone, Takers  int  // of the file most of whose takers get from this node alone
}

// Hidden returns who is it now. While nothing is shared or fetched, nobody is
// unreached: there is nothing to pass on.
func (n *Node) Hidden() Hidden {
	links := n.Links()
	h := Hidden{Linked: len(links)}
	h.Self, h.Others = n.host.Hidden(links)
	shared := n.shelf.all()
	if len(shared) > 0 {
		h.Unreached = n.found.Unreached()
	}
	for _, s := range shared {
		s.mu.Lock()
		if alone, takers := s.give.giver.Alone(); alone > h.Alone {
			h.Alone, h.Takers = alone, takers
		}
		s.mu.Unlock()
	}
	return h
}

// Unreached says, for people, why nodes that were found are not connected: one
// line for each, a few at most.
func (n *Node) Unreached() string { return n.around.Why() }

// Addrs are the addresses at which others can reach the node, with its id.
func (n *Node) Addrs() []ma.Multiaddr {
	info := n.host.Where()
	addrs, err := peer.AddrInfoToP2pAddrs(&info)
	if err != nil {
		return nil // only for an id that is none
	}
	return addrs
}

// Meet has the node keep looking for the given nodes.
func (n *Node) Meet(peers ...peer.AddrInfo) {
	n.expects.Store(n.expects.Load() || len(peers) > 0)
	n.found.Meet(peers...)
}

// Outside waits until others outside of its own network can reach this node:
// until it has an address there, or ctx ends. Where that is not to be expected
// (the node may be reached already, or joins nobody outside) it does not wait.
func (n *Node) Outside(ctx context.Context) { n.host.Outside(ctx) }

// Ping measures round trips to a node until ctx ends or each says stop.
func (n *Node) Ping(ctx context.Context, id peer.ID, each func(time.Duration, error) bool) {
	n.host.Ping(ctx, id, each)
}
