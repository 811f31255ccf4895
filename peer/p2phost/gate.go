package p2phost

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/retry"
)

// A gate decides with whom this node talks at all: those on the list of
// allowed peers, if there is one, and those who have proved the network key,
// if there is one. Whoever failed to is not talked with for a while.
type gate struct {
	key   NetworkKey
	allow map[peer.ID]bool // nil: everybody
	meter *load.Meter
	clock func() time.Time
	near  *neighbours

	mu        sync.Mutex
	strangers map[peer.ID]stranger
	dialled   map[peer.ID][]ma.Multiaddr // that this node dials now, and where it was found
}

// A stranger is a peer that failed to prove the network key.
type stranger struct {
	times int
	until time.Time
}

const (
	// proofTime is how long the proof may take: two round trips.
	proofTime = 10 * time.Second
	// maxStrangers bounds what is remembered; ids cost their owner nothing.
	maxStrangers = 4096
)

// strangerPauses are how long a stranger is left alone: not for ever, for it may
// have been given the key meanwhile.
var strangerPauses = retry.Backoff{First: 5 * time.Second, Max: 5 * time.Minute}

func newGate(key NetworkKey, allow []peer.ID, meter *load.Meter) *gate {
	g := &gate{key: key, meter: meter, clock: time.Now, near: new(neighbours), strangers: make(map[peer.ID]stranger), dialled: make(map[peer.ID][]ma.Multiaddr)}
	if len(allow) > 0 {
		g.allow = make(map[peer.ID]bool, len(allow))
		for _, id := range allow {
			g.allow[id] = true
		}
	}
	return g
}

// welcome returns whether there is anything to say to p.
func (g *gate) welcome(p peer.ID) bool {
	if g.allow != nil && !g.allow[p] {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.clock().Before(g.strangers[p].until)
}

// failed remembers p as a stranger.
func (g *gate) failed(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.strangers[p]
	if s.times == 0 && len(g.strangers) >= maxStrangers {
		for old := range g.strangers { // any one: maps have no order
			delete(g.strangers, old)
			break
		}
	}
	s.times++
	s.until = g.clock().Add(strangerPauses.Pause(s.times))
	g.strangers[p] = s
}

// dials notes that a peer is dialled at these addresses, from now until done is
// called.
func (g *gate) dials(info peer.AddrInfo) (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dialled[info.ID] = info.Addrs
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.dialled, info.ID)
	}
}

func (g *gate) passed(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.strangers, p)
}

// The five questions that libp2p asks (connmgr.ConnectionGater).

// InterceptPeerDial is asked before p is dialled.
func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.welcome(p) }

// InterceptAddrDial is asked for each address, once names are resolved. Where a
// peer was found has been checked, and a name is of the user's own; what libp2p
// has heard of besides must be no nearer than the nearest who may have told it.
func (g *gate) InterceptAddrDial(p peer.ID, a ma.Multiaddr) bool {
	g.mu.Lock()
	given := g.dialled[p]
	g.mu.Unlock()
	return ma.Contains(given, a) || slices.ContainsFunc(given, isName) || reachOf(a) >= g.near.nearest()
}

// InterceptAccept is asked before it is known who dials in.
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured is asked once it is.
func (g *gate) InterceptSecured(dir network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	if g.welcome(p) {
		return true
	}
	if dir == network.DirInbound {
		g.meter.ConnRefused()
	}
	return false
}

// InterceptUpgraded is asked when the connection is ready.
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// provenConn proves the network key over c, a secured connection that nothing
// else has been said on. Without a key it does nothing.
func (g *gate) provenConn(c net.Conn, dialler bool) error {
	if !g.key.set {
		return nil
	}
	ids, ok := c.(interface {
		LocalPeer() peer.ID
		RemotePeer() peer.ID
	})
	if !ok {
		return fault.Wrapf(fault.Internal, "a connection of unknown peers can not be proved")
	}
	if err := c.SetDeadline(g.clock().Add(proofTime)); err != nil {
		return err
	}
	err := g.key.prove(c, dialler, ids.LocalPeer(), ids.RemotePeer())
	return errors.Join(g.judge(ids.RemotePeer(), dialler, err), c.SetDeadline(time.Time{}))
}

// judge remembers how p's proof went and gives err back.
func (g *gate) judge(p peer.ID, dialler bool, err error) error {
	if err == nil {
		g.passed(p)
		return nil
	}
	g.failed(p)
	if !dialler {
		g.meter.ConnRefused()
	}
	return err
}
