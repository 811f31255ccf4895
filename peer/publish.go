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
// after Withdraw, or when Run has returned. It fails with fault.Exists when a file
// with the same content is shared already.
func (n *Node) Publish(name string, file store.File) (Ticket, error) {
	if _, err := n.share(name, oneFile{file}, nil); err != nil {
		return Ticket{}, err
	}
	return n.Ticket(name, file.Chunks()), nil
}

// PublishFolder shares a folder under a name: its manifest, its contents, and each
// of its files for who asks for that alone. Both stay the caller's, as with
// Publish. It fails with fault.Exists when the same folder is shared already.
func (n *Node) PublishFolder(name string, manifest store.File, tree *store.Tree) (Ticket, error) {
	n.shelf.addFolder(tree)
	if _, err := n.share(name, oneFile{manifest}, nil); err != nil {
		return Ticket{}, err
	}
	_, err := n.share(name, contents{tree}, nil)
	return n.Ticket(name, manifest.Chunks()), err
}

// Ticket makes the ticket of a file that this node has. That of a manifest is the
// ticket of the folder, if that is shared.
func (n *Node) Ticket(name string, list content.ChunkList) Ticket {
	t := Ticket{ID: list.ID(), Name: name, Size: list.Size(), Peers: []peer.AddrInfo{n.host.Where()}}
	if tree := n.shelf.folder(t.ID); tree != nil {
		t.Collection, t.Size = true, min(tree.Collection().Total(), content.MaxSize)
	}
	return t
}

// share makes the swarm of a file, which is fetched as cfg says, if it says
// something. That is settled before anybody hears of the swarm, for the first
// offers, and chunks, come at once.
func (n *Node) share(name string, file atHand, cfg *transfer.Config) (*swarm, error) {
	id := file.chunks().ID()
	s := n.shelf.add(id, func(t topic) *swarm {
		how := transfer.Config{Counter: n.cfg.Meter}
		if cfg != nil {
			how = *cfg
		}
		s := newSwarm(n, name, file, t, how)
		switch file.(type) {
		case contents, lentFile:
			s.quiet = true // they are found by the folder
		}
		if s.take.fetching = cfg != nil; !s.take.fetching {
			s.take.intake.Close()
		}
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

// Withdraw ends the sharing of a file, or of the folder with that manifest.
func (n *Node) Withdraw(id content.ID) {
	if tree := n.shelf.folder(id); tree != nil {
		defer n.Withdraw(tree.Collection().ID())
	}
	s := n.shelf.remove(id)
	if s == nil {
		return
	}
	n.around.Drop(id)
	for _, l := range n.links.all() {
		l.withdraw(s)
	}
}
