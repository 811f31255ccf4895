package peer

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
)

// What nodes say to each other goes over anything that carries bytes in order
// (net.Pipe in tests), and what they tell each other of goes to whoever finds
// nodes: that is all this package knows of a network. node.go puts libp2p
// behind it. Ids and addresses are libp2p's values (peer.ID is a string, a
// multiaddr its bytes): they do nothing.

// conn is a connection with one remote. Two of them are equal when they are the
// same one.
type conn interface {
	Remote() peer.ID  // who is at the other end, proven
	Dialled() bool    // by this side
	From() netip.Addr // where the remote is; the zero value where that has no meaning
	Open(ctx context.Context, proto string) (stream, error)
	Close() error
}

// stream carries bytes both ways, in order. Those of protoData are bulk: words
// on other streams of the same connection overtake them.
type stream interface {
	io.ReadWriteCloser
	Reset() error // ends it at once, for both sides
	SetDeadline(t time.Time) error
}

// neighbourhood is who knows where other nodes are.
type neighbourhood interface {
	places
	table
	Why() string // for people: why nodes that were found are not connected; or ""
}

// places knows the addresses of nodes.
type places interface {
	// Own returns the addresses at which this node listens that the linked node
	// `to` can use.
	Own(to peer.ID) []ma.Multiaddr
	// Learn keeps the addresses that a linked node says are its own.
	Learn(of peer.ID, addrs []ma.Multiaddr)
	// Ending takes note of what is to be said of a linked node when its connection
	// ends; until then it may be said anew. Nothing was, if it never said HELLO.
	Ending(of peer.ID, why error)
	// Tellable returns what may be told to one node about others.
	Tellable(to peer.ID, about []peer.ID) []peer.AddrInfo
	// Near reports whether a host, a name or an IP address, can be of use where the
	// linked node `to` is.
	Near(to peer.ID, host string) bool
	// Told has at most limit of the nodes dialled that a linked one told of, and
	// returns how many.
	Told(by peer.ID, places []peer.AddrInfo, limit int) int
}

// table finds who has to do with a file.
type table interface {
	Have(id content.ID)   // this node has it, or a part, until Drop
	Want(id content.ID)   // others who have it are looked for, until Enough or Drop
	Enough(id content.ID) // … no longer
	Drop(id content.ID)
}
