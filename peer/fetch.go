package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// Fetch brings all chunks of file from the mesh. The node is a full member
// from the first chunk on, and goes on sharing the file afterwards, until
// Withdraw. name is what the file is called here.
//
// When nothing has arrived for cfg.RetryFor it fails with fault.NoSource and says
// which share of the chunks exists nowhere in reach. cfg.Counter is the node's
// meter.
//
// Servers that have the file may be given: what they bring is passed on like all
// else, and they are asked for what no node has. When all of them have ended for
// good and no other node is in reach, Fetch fails with what they said. Nodes that ask
// are told of those that are a Server.
func (n *Node) Fetch(ctx context.Context, name string, file store.File, cfg transfer.Config, servers ...transfer.Source) error {
	return n.fetch(ctx, name, oneFile{file}, cfg, servers...)
}

// Server is a source of which others may know where it is: scheme://host:port, and
// nothing else of its address.
type Server interface {
	transfer.Source
	Origin() string
}

// FetchFolder is Fetch for the contents of a folder, whose manifest this node has.
// It fails with fault.Version when all nodes in reach that have the folder are too
// old to give it whole.
func (n *Node) FetchFolder(ctx context.Context, name string, tree *store.Tree, cfg transfer.Config) error {
	n.shelf.addFolder(tree)
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel(nil)
	looking.Go(func() {
		if err := n.onlyOld(ctx, tree.Collection()); err != nil {
			cancel(err)
		}
	})
	return n.fetch(ctx, name, contents{tree}, cfg)
}

// soon is within what time a node answers that has a single file of a folder.
const soon = 2 * time.Second

// FetchAlone brings one small file of a folder that is not fetched now, without the
// others that its piece has. When nobody has told its chunk list soon, it fails with
// what kept it waiting, else as Fetch and store.Tree.WriteFile do.
func (n *Node) FetchAlone(ctx context.Context, tree *store.Tree, entry int, cfg transfer.Config) error {
	e := tree.Collection().Entries()[entry]
	if tree.Collection().List(entry).Len() != 1 {
		return fault.Wrapf(fault.Invalid, "%s is not small", e.Path)
	}
	asking, stop := context.WithTimeout(ctx, soon)
	defer stop()
	list, name, err := n.ChunkList(asking, e.ID)
	if err != nil {
		return err
	}
	if list.Size() != e.Size {
		return fault.Wrapf(fault.Corrupt, "%s has %d bytes, not %d", e.Path, list.Size(), e.Size)
	}
	file := store.NewMemory(list)
	defer n.Withdraw(list.ID())
	if err := n.fetch(ctx, name, lentFile{oneFile{file}}, cfg); err != nil {
		return err
	}
	p, err := file.Bytes()
	if err != nil {
		return err
	}
	return tree.WriteFile(entry, p)
}

func (n *Node) fetch(ctx context.Context, name string, file atHand, cfg transfer.Config, servers ...transfer.Source) error {
	cfg.Counter = n.cfg.Meter
	s, err := n.share(name, file, &cfg)
	if err != nil {
		return err
	}
	defer s.end()
	n.look(s)
	ctx, stop := s.draw.run(ctx, servers)
	err = s.take.intake.Wait(ctx)
	said := stop()
	if errors.Is(err, fault.NoSource) {
		return errors.Join(append([]error{s.nowhere(cfg.RetryFor)}, said...)...)
	}
	return err
}

// look asks all linked nodes, and the DHT, for who has to do with a file.
func (n *Node) look(s *swarm) {
	s.mu.Lock()
	s.seekLocked(time.Now())
	s.mu.Unlock()
	for _, l := range n.links.all() {
		if err := l.join(s); err != nil {
			l.fail(err)
		}
	}
}

// fetching returns whether the node fetches the file now.
func (s *swarm) fetching() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take.fetching
}

// end ends a fetch: nothing more is taken.
func (s *swarm) end() {
	s.take.intake.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take.fetching = false
	var lost []int
	for _, m := range s.members {
		lost = append(lost, m.claims.ReleaseAll()...)
	}
	s.take.lostLocked(lost)
	s.seekLocked(time.Now())
}

// nowhere says which share of the file nobody in reach has, if any.
func (s *swarm) nowhere(waited time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reach := s.reachLocked()
	if reach.Nodes == 0 {
		return fault.Wrapf(fault.NoSource, "nobody in reach has %s; waited %v; what has arrived is kept%s", s.name, waited, s.node.unreached())
	}
	if reach.Nowhere == 0 {
		return fault.Wrapf(fault.NoSource, "all of %s is in reach (nodes: %d), but nothing has come; waited %v; what has arrived is kept",
			s.name, reach.Nodes, waited)
	}
	return fault.Wrapf(fault.NoSource, "%.1f %% of the chunks of %s (%d of %d) exist nowhere in reach (nodes: %d); waited %v; what has arrived is kept",
		100*float64(reach.Nowhere)/float64(reach.Chunks), s.name, reach.Nowhere, reach.Chunks, reach.Nodes, waited)
}
