package discovery

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
	"starmesh/common/retry"
	"starmesh/common/trace"
	"starmesh/common/unanswered"
	"starmesh/peer/p2phost"
)

// A connector dials what finders find: not itself, not whom it is connected
// with, a few at a time, each again only after a pause that grows.
type connector struct {
	host  *p2phost.Host
	wake  chan struct{} // has room for one
	slow  *unanswered.Teller
	trace *trace.Trace

	mu    sync.Mutex
	known candidates
}

const (
	// maxDials at a time; a QUIC listener has room for 32 that wait.
	maxDials = 16
	// maxDegree is how many peers are looked for; more may come by themselves.
	maxDegree = 192
)

func newConnector(h *p2phost.Host) *connector {
	return &connector{
		host: h, wake: make(chan struct{}, 1),
		known: candidates{peers: make(map[peer.ID]*candidate)},
	}
}

// found takes a node that a finder has heard of. It does not block.
func (c *connector) found(info peer.AddrInfo) { c.take(info, false) }

// told takes a node that a peer has told of. It does not block.
func (c *connector) told(info peer.AddrInfo) { c.take(info, true) }

func (c *connector) take(info peer.AddrInfo, told bool) {
	info = p2phost.Usable(info)
	if info.ID == c.host.ID() || info.ID == "" || len(info.Addrs) == 0 || c.host.Reached(info.ID) {
		return
	}
	c.mu.Lock()
	c.known.add(info, told, time.Now())
	c.mu.Unlock()
	c.poke()
}

func (c *connector) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run dials until ctx ends and all dials have.
func (c *connector) Run(ctx context.Context) {
	var dials sync.WaitGroup
	defer dials.Wait()
	tick := time.NewTicker(dialPauses.First / 2)
	defer tick.Stop()
	for {
		for _, info := range c.next() {
			dials.Go(func() { c.dial(ctx, info) })
		}
		select {
		case <-c.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// next takes those whose turn it is.
func (c *connector) next() []peer.AddrInfo {
	if len(c.host.Network().Peers()) >= maxDegree {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known.next(time.Now())
}

func (c *connector) dial(ctx context.Context, info peer.AddrInfo) {
	answered := c.slow.Dial(func() []string { return c.alone(info) })
	c.trace.Step("dial %s at %s", p2phost.Short(info.ID), p2phost.Named(info.Addrs))
	punch, err := c.host.Reach(ctx, info)
	answered()
	if err != nil && ctx.Err() == nil {
		c.trace.Step("dial %s: %v", p2phost.Short(info.ID), err)
	}
	c.mu.Lock()
	c.known.tried(info.ID, err, time.Now())
	if punch != nil {
		c.known.peers[info.ID].met = time.Time{} // not yet
	}
	c.mu.Unlock()
	c.poke()
	if punch == nil {
		return
	}
	err = punch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch known := c.known.peers[info.ID]; {
	case known == nil: // forgotten
	case err == nil:
		known.met = time.Now()
	case ctx.Err() == nil:
		known.fail(err, time.Now())
	}
}

// alone returns where a node is dialled, if no other is connected: else it is not
// waited for.
func (c *connector) alone(info peer.AddrInfo) []string {
	if len(c.host.Network().Peers()) > 0 {
		return nil
	}
	return []string{p2phost.Named(info.Addrs)}
}

// ending notes what is to be said when the connection with a node ends.
func (c *connector) ending(id peer.ID, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.known.peers[id]; p != nil {
		p.ending = why
	}
}

// candidates is the bookkeeping of a connector.
type candidates struct {
	peers   map[peer.ID]*candidate
	dialled int // being dialled now
	vain    vain
}

type candidate struct {
	info     peer.AddrInfo
	told     bool // only a peer has told of it
	failures int
	err      error // of the last one
	dialling bool
	waiting  bool      // is to be dialled, at next or later
	next     time.Time // not before this
	met      time.Time // when it was connected; zero: not since the last failure
	ending   error     // what is to be said when that ends; nil: it never said a word
}

const (
	// maxTries is how often a node is dialled in vain, unless it is found again.
	maxTries = 4
	// maxCandidates bounds what is remembered, whoever tells of how many.
	maxCandidates = 2048
	// goodTime is how long a good connection lasts at least. One that ends
	// sooner counts as a failure: nodes of a private mesh hang up at once.
	goodTime = 10 * time.Second
	// maxAsked is for how long a node can have itself not dialled.
	maxAsked = 5 * time.Minute
)

// dialPauses are those before a node is dialled again; with jitter, so that a
// mesh does not dial in step.
var dialPauses = retry.Backoff{First: 500 * time.Millisecond, Max: 30 * time.Second, Jitter: 0.125}

// add notes that info was found, or told of. What is newest about its addresses
// counts.
func (c *candidates) add(info peer.AddrInfo, told bool, now time.Time) {
	p := c.peers[info.ID]
	if p == nil {
		if len(c.peers) >= maxCandidates && !c.forget(now) {
			return
		}
		p = &candidate{next: now, told: told}
		c.peers[info.ID] = p
	}
	p.told = p.told && told
	if !p.met.IsZero() {
		p.lost(now)
	}
	p.info = p2phost.Usable(peer.AddrInfo{ID: info.ID, Addrs: append(info.Addrs, p.info.Addrs...)})
	p.waiting = true
}

// forget makes room: for one that is neither waiting nor being dialled.
func (c *candidates) forget(now time.Time) bool {
	for id, p := range c.peers {
		if !p.waiting && !p.dialling && (now.After(p.next) || !p.met.IsZero()) {
			delete(c.peers, id)
			return true
		}
	}
	return false
}

// next returns those to be dialled now.
func (c *candidates) next(now time.Time) []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, p := range c.peers {
		if c.dialled >= maxDials {
			break
		}
		if p.waiting && !p.dialling && !now.Before(p.next) {
			p.waiting = false
			if p.told && !c.vain.mayDial(p.info, now) {
				continue
			}
			p.dialling = true
			c.dialled++
			out = append(out, p.info)
		}
	}
	return out
}

// lost notes that p, which was connected, is so no longer.
func (p *candidate) lost(now time.Time) {
	if now.Sub(p.met) >= goodTime {
		p.failures, p.err, p.next = 0, nil, now
	} else {
		p.fail(cmp.Or(p.ending, errHungUp), now)
	}
	if asked := now.Add(min(fault.RetryAfter(p.ending), maxAsked)); asked.After(p.next) {
		p.next = asked
	}
	p.met, p.ending = time.Time{}, nil
}

// fail notes a failure and when to try again.
func (p *candidate) fail(err error, now time.Time) {
	p.failures++
	p.next = now.Add(dialPauses.Pause(p.failures))
	if p.err == nil || !errors.Is(err, fault.Refused) {
		p.err = err // or it would only be said that we do not try
	}
}

// tried notes how a dial ended.
func (c *candidates) tried(id peer.ID, err error, now time.Time) {
	c.dialled--
	p := c.peers[id]
	p.dialling = false
	if err == nil {
		c.vain.reached(p.info)
		p.met, p.waiting = now, false
		return
	}
	p.fail(err, now)
	p.waiting = p.waiting || p.failures < maxTries
}
