package p2phost

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/common/fault"
)

// natOptions are for nodes that others can or want to reach from outside:
// every one learns whether it is publicly reachable, relays a little for
// others if it is, and finds relays and punches holes if it is not. A node
// that listens on the loopback only is spared all that.
//
// AutoNAT of version 1 is what turns relay service and relay search on and
// off; version 2 tells about single addresses.
func natOptions(listen []ma.Multiaddr, public bool, near *neighbours) []libp2p.Option {
	if !beyondLoopback(listen) {
		return []libp2p.Option{
			libp2p.ForceReachabilityPrivate(), // or it would ask others all the time
			libp2p.DisableIdentifyAddressDiscovery(),
		}
	}
	opts := []libp2p.Option{
		libp2p.EnableNATService(),
		libp2p.EnableAutoNATv2(),
		libp2p.EnableHolePunching(holepunch.DirectDialTimeout(punchTry)),
		libp2p.EnableRelayService(relay.WithResources(relayResources())),
	}
	if public {
		return append(opts, libp2p.ForceReachabilityPublic())
	}
	return append(opts, libp2p.EnableAutoRelayWithPeerSource(near.relays,
		// One relay will do, as soon as there is one: to look for it costs a
		// glance at who is connected. libp2p would wait 3 minutes for a choice
		// of four, and leave one that had no room alone for an hour.
		autorelay.WithMinCandidates(1),
		autorelay.WithBootDelay(0),
		autorelay.WithMinInterval(relaySearch),
		autorelay.WithBackoff(relayPause)))
}

const (
	relaySearch = 2 * time.Second // how often a relay is looked for
	relayPause  = time.Minute     // after one had no room
	// punchTry is how long each of three tries to connect directly may take.
	punchTry = 5 * time.Second
)

// perhapsBehindNAT returns what tells whether a node that listens at the given
// addresses may be behind a NAT through which holes can be punched: it listens
// on QUIC beyond its machine, the machine is not on the internet itself, and
// the operator has not said that it can be reached (public). A machine's
// addresses change, so each question is a look at them.
func perhapsBehindNAT(listen []ma.Multiaddr, public bool) func() bool {
	punches := slices.ContainsFunc(listen, func(a ma.Multiaddr) bool { return transportOf(a) == overQUIC && !manet.IsIPLoopback(a) })
	if public || !punches {
		return func() bool { return false }
	}
	return func() bool {
		own, err := manet.InterfaceMultiaddrs()
		return err == nil && !isOutside(own)
	}
}

// isOutside returns whether a machine with these addresses is on the internet
// itself. IPv4's count if there are any but the loopback: most homes have an
// address of IPv6 that is public, and yet their IPv4 is translated.
func isOutside(own []ma.Multiaddr) bool {
	byIPv4 := slices.DeleteFunc(slices.Clone(own), func(a ma.Multiaddr) bool {
		return manet.IsIPLoopback(a) || a[0].Protocol().Code != ma.P_IP4
	})
	if len(byIPv4) > 0 {
		own = byIPv4
	}
	return slices.ContainsFunc(own, isPublic)
}

// assumePrivate has a relay looked for at once. AutoNAT needs more than 15 s to
// find out that nobody can reach this node; if it finds otherwise, that counts.
func assumePrivate(h host.Host) error {
	say, err := h.EventBus().Emitter(new(event.EvtLocalReachabilityChanged), eventbus.Stateful)
	if err == nil {
		err = errors.Join(say.Emit(event.EvtLocalReachabilityChanged{Reachability: network.ReachabilityPrivate}), say.Close())
	}
	if err != nil {
		return fault.Wrapf(fault.Internal, "libp2p takes no word about its reachability: %w", err)
	}
	return nil
}

// Outside waits until others outside of its own network can reach this host:
// until it has an address there, or ctx ends. Where that is not to be expected
// (it may be reached already, or knows nobody outside) it does not wait.
func (h *Host) Outside(ctx context.Context) {
	if !h.private() || h.near.known < anywhere {
		return
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !slices.ContainsFunc(h.Addrs(), isPublic) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// relayResources bounds what is carried for others: enough to meet and to
// punch a hole (128 KiB and 2 minutes each), not to move files.
func relayResources() relay.Resources {
	r := relay.DefaultResources()
	r.MaxReservations = 64
	r.MaxCircuits = 8
	r.MaxReservationsPerIP = 32 // an office behind one NAT
	return r
}

// neighbours is what libp2p asks for about who is around. It is made before the
// host is, and knows nobody until then.
type neighbours struct {
	host      atomic.Pointer[host.Host]
	announced []ma.Multiaddr // where others reach the host, says its operator
	known     int            // how far away the farthest node is that it is to dial
}

func (n *neighbours) set(h host.Host) { n.host.Store(&h) }

// tell is libp2p's AddrsFactory: what the host says of itself to whoever
// connects (identify), which is the same to all. So it is what the farthest may
// know; those that are nearer are told more in HELLO.
func (n *neighbours) tell(own []ma.Multiaddr) []ma.Multiaddr {
	own = append(slices.Clone(n.announced), useful(own)...)
	far := n.known
	for _, a := range own {
		far = max(far, reachOf(a))
	}
	if h := n.host.Load(); h != nil {
		for _, c := range (*h).Network().Conns() {
			far = max(far, reachOf(c.RemoteMultiaddr()))
		}
	}
	return slices.DeleteFunc(own, func(a ma.Multiaddr) bool { return reachOf(a) < far })
}

// nearest returns how far away the nearest connected peer is; onMachine when
// there is none that could have told anything.
func (n *neighbours) nearest() int {
	h := n.host.Load()
	if h == nil || len((*h).Network().Conns()) == 0 {
		return onMachine
	}
	nearest := anywhere
	for _, c := range (*h).Network().Conns() {
		nearest = min(nearest, reachOf(c.RemoteMultiaddr()))
	}
	return nearest
}

// relays is an autorelay.PeerSource: up to want connected peers that offer to
// relay. There are no relays that everybody uses.
func (n *neighbours) relays(_ context.Context, want int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, max(want, 0))
	defer close(out)
	h := n.host.Load()
	if h == nil {
		return out
	}
	for _, p := range (*h).Network().Peers() {
		if len(out) == cap(out) {
			break
		}
		if n.offers(*h, p) {
			out <- (*h).Peerstore().PeerInfo(p)
		}
	}
	return out
}

// offers returns whether p relays, over a connection of its own.
func (n *neighbours) offers(h host.Host, p peer.ID) bool {
	if h.Network().Connectedness(p) != network.Connected {
		return false
	}
	hop, err := h.Peerstore().SupportsProtocols(p, proto.ProtoIDv2Hop)
	return err == nil && len(hop) > 0
}
