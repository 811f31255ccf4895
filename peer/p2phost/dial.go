package p2phost

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/quic-go/quic-go"
)

const (
	// Addresses of one kind are tried one after another with this between
	// them, without waiting for an answer (as RFC 8305 does).
	dialStep = 100 * time.Millisecond
	// The second of TCP and QUIC gets its turn when the first has not answered
	// for this long, relays when neither has.
	quicDelay  = 300 * time.Millisecond
	relayDelay = time.Second
)

// tcpFirst orders the addresses of a peer: TCP, then QUIC, then relays. Within
// a kind, addresses of this machine come last: they are somebody else's as
// often as not.
func tcpFirst(addrs []ma.Multiaddr) []network.AddrDelay {
	return ranked(addrs, func(ma.Multiaddr) bool { return false })
}

// behindNAT is the order of a node whose addresses are all private. A hole can
// be punched only for the UDP socket, and only when somebody outside has told
// under which address he sees that: so public nodes are reached over QUIC, and
// those of the own network over TCP still.
func behindNAT(addrs []ma.Multiaddr) []network.AddrDelay {
	return ranked(addrs, isPublic)
}

// ranked orders addresses: for each, TCP goes first, or QUIC if quicFirst says
// so.
func ranked(addrs []ma.Multiaddr, quicFirst func(ma.Multiaddr) bool) []network.AddrDelay {
	const first, second, relayed, relayedLater = 0, 1, 2, 3
	turn := func(a ma.Multiaddr) int {
		how, turn := transportOf(a), 0
		if how == overRelay {
			how, turn = transportOf(toRelay(a)), relayed
		}
		if (how == overQUIC) == quicFirst(a) {
			return turn + first
		}
		return turn + second
	}
	sorted := slices.Clone(addrs)
	slices.SortStableFunc(sorted, func(a, b ma.Multiaddr) int { return loopbackRank(a) - loopbackRank(b) })
	var out []network.AddrDelay
	base := time.Duration(0)
	for of, wait := range []time.Duration{first: quicDelay, second: relayDelay, relayed: dialStep, relayedLater: 0} {
		n := 0
		for _, a := range sorted {
			if turn(a) == of {
				out = append(out, network.AddrDelay{Addr: a, Delay: base + time.Duration(n)*dialStep})
				n++
			}
		}
		if n > 0 { // what comes next waits only when there is something to wait for
			base += wait
		}
	}
	return out
}

// toRelay returns the part of a relayed address that leads to the relay.
func toRelay(a ma.Multiaddr) ma.Multiaddr {
	to, _ := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_P2P })
	return to
}

func loopbackRank(a ma.Multiaddr) int {
	if manet.IsIPLoopback(a) {
		return 1
	}
	return 0
}

// dialOrder is that of a node that private, asked for each dial to a public
// address, tells of whether it is perhaps behind a NAT.
func dialOrder(private func() bool) network.DialRanker {
	return func(addrs []ma.Multiaddr) []network.AddrDelay {
		if slices.ContainsFunc(addrs, isPublic) && private() {
			return behindNAT(addrs)
		}
		return tcpFirst(addrs)
	}
}

func isPublic(a ma.Multiaddr) bool { return reachOf(a) == anywhere }

// admitQUIC has rm asked about a QUIC connection before its handshake, as
// libp2p's own set-up does.
func admitQUIC(rm network.ResourceManager) func(context.Context, *quic.ClientInfo) (context.Context, error) {
	return func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
		addr, err := quicreuse.ToQuicMultiaddr(client.RemoteAddr, quic.Version1)
		if err != nil {
			addr = nil // rm decides about a connection from nowhere
		}
		scope, err := rm.OpenConnection(network.DirInbound, false, addr)
		if err != nil {
			return ctx, err
		}
		ctx = network.WithConnManagementScope(ctx, scope)
		context.AfterFunc(ctx, scope.Done)
		return ctx, nil
	}
}
