package peer

import (
	"context"
	"errors"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// maxSources bounds the remotes that wait to be taken up by a fetch.
const maxSources = 1024

// Fetch brings all chunks of file from the mesh. The node is a full member
// from the first chunk on, and goes on sharing the file afterwards, until
// Withdraw. name is what the file is called here.
//
// cfg.RetryFor is how long to wait while nothing arrives from anywhere; negative
// means for ever, 0 not at all. Past it Fetch fails with fault.NoSource and says
// which share of the chunks exists nowhere in reach.
func (n *Node) Fetch(ctx context.Context, name string, file store.File, cfg transfer.Config) error {
	from := make(chan transfer.Source, maxSources)
	s, err := n.share(name, file, from)
	if err != nil {
		return err
	}
	defer s.end()
	n.look(s)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if patience := cfg.RetryFor; patience >= 0 {
		n.life.start(func(context.Context) { s.watch(ctx, patience, cancel) })
	}
	cfg.Counter = n.cfg.Meter
	cfg.RetryFor = 0 // a remote that is back is a new source
	err = transfer.Fetch(ctx, file, from, cfg)
	if err != nil && context.Cause(ctx) != nil && errors.Is(context.Cause(ctx), fault.NoSource) {
		return context.Cause(ctx)
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
	return s.take.sources != nil
}

// end makes members no sources any more.
func (s *swarm) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take.sources = nil
	s.seekLocked(time.Now())
}

// sourceLocked offers m as a source to the fetch that runs, if one does.
func (s *swarm) sourceLocked(m *member) {
	if s.take.sources == nil || m.wanted != nil {
		return
	}
	select {
	case s.take.sources <- m:
	default: // there are more than enough
	}
}

// Name is the remote's peer id.
func (m *member) Name() string { return m.link.peer.String() }

// Run takes what the remote offers until it leaves.
func (m *member) Run(ctx context.Context, w transfer.Wanted) error {
	m.swarm.attach(m, w)
	defer m.swarm.detach(m)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-m.left:
		return m.err
	}
}

func (s *swarm) attach(m *member, w transfer.Wanted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.wanted = w
	early := m.early
	m.early = nil
	for _, o := range early {
		s.take.offeredLocked(m, o)
	}
}

func (s *swarm) detach(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.wanted = nil
	s.take.dropLocked(s.take.taker.Left(m.link.key))
}

// watch ends a fetch for which nothing has arrived for too long.
func (s *swarm) watch(ctx context.Context, patience time.Duration, cancel context.CancelCauseFunc) {
	for {
		s.mu.Lock()
		idle := time.Since(s.take.touched)
		s.mu.Unlock()
		if idle >= patience {
			cancel(s.nowhere(patience))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(patience - idle):
		}
	}
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
		return fault.Wrapf(fault.NoSource, "all %d chunks of %s are in reach, at %d nodes, but none has come; waited %v; what has arrived is kept",
			reach.Chunks, s.name, reach.Nodes, waited)
	}
	return fault.Wrapf(fault.NoSource, "%d of the %d chunks of %s (%.1f %%) exist nowhere in reach (nodes: %d); waited %v; what has arrived is kept",
		reach.Nowhere, reach.Chunks, s.name, 100*float64(reach.Nowhere)/float64(reach.Chunks), reach.Nodes, waited)
}
