package peer

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
	// QUIC gets its turn when TCP has not answered for this long, relays when
	// neither has.
	quicDelay  = 300 * time.Millisecond
	relayDelay = time.Second
)

// tcpFirst orders the addresses of a peer: TCP, then QUIC, then relays. Within
// a kind, addresses of this machine come last: they are somebody else's as
// often as not.
func tcpFirst(addrs []ma.Multiaddr) []network.AddrDelay {
	sorted := slices.Clone(addrs)
	slices.SortStableFunc(sorted, func(a, b ma.Multiaddr) int { return loopbackRank(a) - loopbackRank(b) })
	var ranked []network.AddrDelay
	base := time.Duration(0)
	for _, kind := range []struct {
		how   int
		delay time.Duration
	}{{overTCP, quicDelay}, {overQUIC, relayDelay}, {overRelay, 0}, {overNothing, 0}} {
		n := 0
		for _, a := range sorted {
			if transportOf(a) == kind.how {
				ranked = append(ranked, network.AddrDelay{Addr: a, Delay: base + time.Duration(n)*dialStep})
				n++
			}
		}
		if n > 0 { // what comes next waits only when there is something to wait for
			base += kind.delay
		}
	}
	return ranked
}

func loopbackRank(a ma.Multiaddr) int {
	if manet.IsIPLoopback(a) {
		return 1
	}
	return 0
}

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
