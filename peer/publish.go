package peer

import (
	"math"
	"time"

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
		total := folderSize(file)
		n.mu.Lock()
		n.folders[list.ID()] = total
		n.mu.Unlock()
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
	entries, err := content.DecodeCollection(text)
	if err != nil {
		return list.Size()
	}
	total := int64(0)
	for _, e := range entries {
		total += min(e.Size, math.MaxInt64-total)
	}
	return total
}

// Ticket makes the ticket of a file that this node has. That of a folder tells
// the size of its files if its manifest is shared.
func (n *Node) Ticket(name string, list content.ChunkList, collection bool) Ticket {
	n.mu.Lock()
	defer n.mu.Unlock()
	size := list.Size()
	if total, folder := n.folders[list.ID()]; folder && collection {
		size = total
	}
	return Ticket{
		ID: list.ID(), Name: name, Size: size, Collection: collection,
		Peers: []peer.AddrInfo{n.where()},
	}
}

// share makes the swarm of a file. When it is to be fetched, members become
// sources on from; that is settled before anybody hears of the swarm, for their
// first offers, and chunks, come at once.
func (n *Node) share(name string, file store.File, from chan<- transfer.Source) (*swarm, error) {
	id := file.List().ID()
	n.mu.Lock()
	if n.swarms[id] != nil {
		n.mu.Unlock()
		return nil, fault.Wrapf(fault.Exists, "%s is shared already (%s)", name, id.Short())
	}
	n.topics++
	s := newSwarm(n, name, file, n.topics)
	s.sources, s.touched = from, time.Now()
	n.swarms[id] = s
	n.mu.Unlock()
	n.table.Have(id)
	for _, l := range n.allLinks() {
		if err := l.meet(s); err != nil {
			l.fail(err)
		}
	}
	return s, nil
}

// Withdraw ends the sharing of a file.
func (n *Node) Withdraw(id content.ID) {
	n.mu.Lock()
	s := n.swarms[id]
	delete(n.swarms, id)
	delete(n.folders, id)
	n.mu.Unlock()
	if s == nil {
		return
	}
	n.table.Drop(id)
	for _, l := range n.allLinks() {
		l.withdraw(s)
	}
}

// look asks all linked nodes, and the DHT, for who has to do with a file.
func (n *Node) look(s *swarm) {
	s.mu.Lock()
	s.seekLocked(time.Now())
	s.mu.Unlock()
	for _, l := range n.allLinks() {
		if err := l.join(s); err != nil {
			l.fail(err)
		}
	}
}

// fetching tells whether the node fetches the file now.
func (s *swarm) fetching() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sources != nil
}
