package peer

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
)

// A Ticket is all that a stranger needs to fetch a share: what it is, and who
// has it.
type Ticket struct {
	ID         content.ID
	Name       string // as content.CheckPath allows
	Size       int64  // of a collection: of all its files
	Collection bool   // ID is that of a manifest
	Peers      []peer.AddrInfo
}

// String gives the ticket as one word, `mesh:…`.
func (t Ticket) String() string { return "" }

// ParseTicket reads a ticket. It fails with fault.Invalid.
func ParseTicket(s string) (Ticket, error) { return Ticket{}, nil }
