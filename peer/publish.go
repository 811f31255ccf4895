package peer

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// Publish shares a file, whole or in part, under a name, and gives the ticket
// with which others fetch it. The file stays the caller's: it is closed only
// after Withdraw, or when Run has returned. collection tells that it is the
// manifest of a folder. It fails with fault.Exists when a file with the same
// content is shared already.
func (n *Node) Publish(name string, file store.File, collection bool) (Ticket, error) {
	if _, err := n.share(name, file, nil); err != nil {
		return Ticket{}, err
	}
	list := file.List()
	if collection {
		n.shelf.folder(list.ID(), folderSize(file))
	}
	return n.Ticket(name, list, collection), nil
}

// folderSize is what all files of the folder with this manifest have, in
// bytes; the manifest's own size if it is none.
func folderSize(manifest store.File) int64 {
	list := manifest.List()
	text := make([]byte, list.Size())
	for i := range list.Len() {
		if manifest.ReadChunk(i, text[list.Offset(i):][:list.ChunkLen(i)]) != nil {
			return list.Size()
		}
	}
	c, err := content.DecodeCollection(text)
	if err != nil {
		return list.Size()
	}
	return c.Total()
}

// Ticket makes the ticket of a file that this node has. That of a folder tells
// the size of its files if its manifest is shared.
func (n *Node) Ticket(name string, list content.ChunkList, collection bool) Ticket {
	size := list.Size()
	if total, folder := n.shelf.folderSize(list.ID()); folder && collection {
		size = total
	}
	return Ticket{
		ID: list.ID(), Name: name, Size: size, Collection: collection,
		Peers: []peer.AddrInfo{n.host.Where()},
	}
}

// share makes the swarm of a file, which is fetched as cfg says, if it says
// something. That is settled before anybody hears of the swarm, for the first
// offers, and chunks, come at once.
func (n *Node) share(name string, file store.File, cfg *transfer.Config) (*swarm, error) {
	id := file.List().ID()
	s := n.shelf.add(id, func(t topic) *swarm {
		if cfg != nil {
			s := newSwarm(n, name, file, t, *cfg)
			s.take.fetching = true
			return s
		}
		s := newSwarm(n, name, file, t, transfer.Config{Counter: n.cfg.Meter})
		s.take.intake.Close()
		return s
	})
	if s == nil {
		return nil, fault.Wrapf(fault.Exists, "%s is shared already (%s)", name, id.Short())
	}
	n.around.Have(id)
	for _, l := range n.links.all() {
		if err := l.meet(s); err != nil {
			l.fail(err)
		}
	}
	return s, nil
}

// Withdraw ends the sharing of a file.
func (n *Node) Withdraw(id content.ID) {
	s := n.shelf.remove(id)
	if s == nil {
		return
	}
	n.around.Drop(id)
	for _, l := range n.links.all() {
		l.withdraw(s)
	}
}
