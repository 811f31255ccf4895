package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// mostSources bounds the remotes that wait to be taken up by a fetch.
const mostSources = 1024

// Fetch brings all chunks of file from the mesh. The node is a full member
// from the first chunk on, and goes on sharing the file afterwards, until
// Withdraw. name is what the file is called here.
//
// cfg.RetryFor is how long to wait while nothing arrives from anywhere; negative
// means for ever, 0 not at all. Past it Fetch fails with fault.NoSource and says
// which share of the chunks exists nowhere in reach.
func (n *Node) Fetch(ctx context.Context, name string, file store.File, cfg transfer.Config) error {
	from := make(chan transfer.Source, mostSources)
	s, err := n.share(name, file, from)
	if err != nil {
		return err
	}
	defer s.end()
	n.look(s)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if patience := cfg.RetryFor; patience >= 0 {
		n.start(func() { s.watch(ctx, patience, cancel) })
	}
	cfg.RetryFor = 0 // a remote that is back is a new source
	err = transfer.Fetch(ctx, file, from, cfg)
	if err != nil && context.Cause(ctx) != nil && errors.Is(context.Cause(ctx), fault.NoSource) {
		return context.Cause(ctx)
	}
	return err
}

// end makes members no sources any more.
func (s *swarm) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = nil
	s.seekLocked(time.Now())
}

// dry is how long nothing arrives before the table is asked for more who have
// the file, however many there are.
const dry = 3 * time.Second

// seekLocked has the table looked through for who has the file, while that is
// of use.
func (s *swarm) seekLocked(now time.Time) {
	few := len(s.members) < enoughMembers || now.Sub(s.touched) > dry
	seek := s.sources != nil && few
	if seek == s.seeking {
		return
	}
	s.seeking = seek
	if seek {
		s.node.table.Want(s.list.ID())
	} else {
		s.node.table.Enough(s.list.ID())
	}
}

// sourceLocked offers m as a source to the fetch that runs, if one does.
func (s *swarm) sourceLocked(m *member) {
	if s.sources == nil || m.wanted != nil {
		return
	}
	select {
	case s.sources <- m:
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
		s.offeredLocked(m, o)
	}
}

func (s *swarm) detach(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.wanted = nil
	s.dropLocked(s.taker.Left(m.link.key))
}

// offered answers an offer.
func (s *swarm) offered(m *member, o offer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.wanted != nil || s.sources == nil {
		s.offeredLocked(m, o)
		return nil
	}
	if len(m.early) == mostEarly {
		return fault.Wrapf(fault.Protocol, "more than %d offers before one was answered", mostEarly)
	}
	m.early = append(m.early, o)
	return nil
}

func (s *swarm) offeredLocked(m *member, o offer) {
	a := s.considerLocked(m, o)
	a.Topic, a.Chunk = s.topic, o.Chunk
	if a.Verdict == accepted || o.Sure { // it may be on its way before a no arrives
		m.expect.Add(o.Chunk)
		close(m.offers)
		m.offers = make(chan struct{})
	}
	if a.Verdict != accepted || !o.Sure {
		s.tellLocked(m)
		m.link.post(a)
	}
	if a.Verdict == accepted {
		s.announceLocked(o.Chunk)
		s.actLocked() // it may be offered to others from now on
	}
}

// considerLocked decides about an offer.
func (s *swarm) considerLocked(m *member, o offer) answer {
	if m.wanted == nil || s.claims[o.Chunk] != nil {
		return answer{Verdict: declined}
	}
	now := time.Now()
	if !s.taker.Accepts(m.link.key, s.missing) {
		return answer{Verdict: notNow, Wait: s.taker.Postpone(m.link.key, s.missing)}
	}
	release, ok := m.wanted.Claim(o.Chunk)
	if !ok {
		return answer{Verdict: declined}
	}
	s.claims[o.Chunk] = &pledge{by: m, release: release}
	s.taker.Claimed(m.link.key, o.Chunk, now)
	s.giver.Coming(o.Chunk, o.First)
	return answer{Verdict: accepted}
}

// expected waits until chunk i has been offered, and gives what to deliver it
// to: nil when the fetch has ended or m has left. A chunk that is sure travels right behind
// its offer, on another stream, and may overtake it.
func (s *swarm) expected(m *member, i int) (transfer.Wanted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !m.expect.Has(i) {
		switch err := s.awaitOfferLocked(m); {
		case errors.Is(err, fault.Closed):
			return nil, nil
		case err != nil:
			return nil, fault.Wrapf(fault.Protocol, "chunk %d came without having been offered", i)
		}
	}
	m.expect.Remove(i)
	return m.wanted, nil
}

// mostOvertaking is by how much a chunk may be ahead of its offer. It is
// generous: what has gone before is only that two goroutines take turns.
const mostOvertaking = 20 * time.Second

// awaitOfferLocked waits for m's next offer, without the lock.
func (s *swarm) awaitOfferLocked(m *member) error {
	offers := m.offers
	s.mu.Unlock()
	defer s.mu.Lock()
	timeout := time.NewTimer(mostOvertaking)
	defer timeout.Stop()
	select {
	case <-offers:
		return nil
	case <-m.left:
		return fault.Closed
	case <-timeout.C:
		return fault.Protocol
	}
}

// received takes a chunk that m has sent.
func (s *swarm) received(m *member, i int, p []byte) error {
	w, err := s.expected(m, i)
	if err != nil {
		return err
	}
	if w == nil { // the fetch has ended meanwhile
		s.node.meter.AgainIn.Add(int64(len(p)))
		return nil
	}
	if err := w.Deliver(i, p); err != nil {
		if errors.Is(err, fault.Corrupt) || errors.Is(err, fault.Invalid) {
			return fmt.Errorf("it sent a wrong chunk: %w", err)
		}
		return nil // our own disk: the fetch says so
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.giver.Holds(i) {
		s.node.meter.AgainIn.Add(int64(len(p)))
		return nil
	}
	s.taker.Arrived(m.link.key, i, now)
	if claim := s.claims[i]; claim != nil {
		delete(s.claims, i)
		s.taker.Dropped(i)
	}
	s.giver.Got(i)
	s.missing--
	s.touched = now
	s.node.meter.ChunksIn.Add(1)
	s.actLocked()
	return nil
}

// watch ends a fetch for which nothing has arrived for too long.
func (s *swarm) watch(ctx context.Context, patience time.Duration, cancel context.CancelCauseFunc) {
	for {
		s.mu.Lock()
		idle := time.Since(s.touched)
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

// nowhere says which share of the file nobody in reach has.
func (s *swarm) nowhere(waited time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reach := s.reachLocked()
	if reach.Nodes == 0 {
		return fault.Wrapf(fault.NoSource, "nobody in reach has %s; waited %v; what has arrived is kept%s", s.name, waited, s.node.unreached())
	}
	return fault.Wrapf(fault.NoSource, "%d of the %d chunks of %s (%.1f %%) exist at none of the %d nodes in reach; waited %v; what has arrived is kept",
		reach.Nowhere, reach.Chunks, s.name, 100*float64(reach.Nowhere)/float64(reach.Chunks), reach.Nodes, waited)
}
