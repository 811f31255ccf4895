package p2phost

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/sec"
	libp2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
)

const (
	dialTime = 15 * time.Second
	// punchTime is how long two nodes that have met over a relay may take to
	// connect directly: three tries, and what is said before each.
	punchTime = 3*punchTry + 5*time.Second
)

// Reached returns whether p is connected, or about to be: there is a connection
// over a relay, through which a direct one is being made.
func (h *Host) Reached(p peer.ID) bool {
	return h.Network().Connectedness(p) != network.NotConnected
}

// Reach dials a node at these addresses only, unless it is reached already. Of
// a node that it has met over a relay, punch waits for a direct connection;
// otherwise punch is nil. Errors are in words for people, one line each;
// fault.Refused means that the node was not even dialled.
func (h *Host) Reach(ctx context.Context, info peer.AddrInfo) (punch func(context.Context) error, err error) {
	if h.Reached(info.ID) {
		return nil, nil
	}
	// Only these addresses: a restarted node has others, and what it said of
	// itself may lead to whatever stands in this network.
	h.Peerstore().ClearAddrs(info.ID)
	h.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	defer h.gate.dials(info)()
	if s, ok := h.Network().(*libp2pswarm.Swarm); ok {
		s.Backoff().Clear(info.ID) // the pauses are the caller's
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	conn, err := h.Network().DialPeer(ctx, info.ID)
	if err == nil && h.unseen(conn) {
		conn, err = h.showSocket(ctx, conn)
	}
	if err != nil {
		return nil, reason(err)
	}
	if conn.Stat().Limited {
		return func(ctx context.Context) error { return h.punch(ctx, conn) }, nil
	}
	return nil, nil
}

// unseen returns whether this is a connection over TCP to a node outside, and
// none of those outside has seen our UDP socket, through which alone holes are
// punched.
func (h *Host) unseen(to network.Conn) bool {
	if addr := to.RemoteMultiaddr(); transportOf(addr) != overTCP || !isPublic(addr) || !h.private() {
		return false
	}
	return !slices.ContainsFunc(h.Network().Conns(), func(other network.Conn) bool {
		return publicQUIC(other.RemoteMultiaddr())
	})
}

func publicQUIC(a ma.Multiaddr) bool { return transportOf(a) == overQUIC && isPublic(a) }

// showSocket dials a node again, over QUIC, if it can be dialled that way.
func (h *Host) showSocket(ctx context.Context, to network.Conn) (network.Conn, error) {
	if ids, ok := h.Host.(interface{ IDService() identify.IDService }); ok {
		select {
		case <-ids.IDService().IdentifyWait(to): // brings its other addresses
		case <-ctx.Done():
			return to, nil
		}
	}
	p := to.RemotePeer()
	if !slices.ContainsFunc(h.Peerstore().Addrs(p), publicQUIC) {
		return to, nil
	}
	_ = to.Close() // or the swarm would give this one again
	return h.Network().DialPeer(ctx, p)
}

// punch waits for the direct connection that libp2p makes by itself once two
// nodes have met over a relay, and gives it up when that takes too long: the
// next dial is a new attempt.
func (h *Host) punch(ctx context.Context, relayed network.Conn) error {
	timed, cancel := context.WithTimeout(network.WithDialPeerTimeout(ctx, punchTime), punchTime)
	defer cancel()
	s, err := h.Network().NewStream(timed, relayed.RemotePeer()) // waits for a direct one
	_ = relayed.Close()
	if err == nil {
		_ = s.Reset()
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.Wrapf(fault.NoSource, "it was met over a relay, but no direct connection came about: a NAT or firewall lets none through, or one of the two does not listen on UDP beyond its machine (as /ip4/0.0.0.0/udp/4001/quic-v1 does)")
}

// reason puts a dial's failure in words: one line, the most telling of all
// that went wrong at its addresses.
func reason(err error) error {
	var others sec.ErrPeerIDMismatch
	switch {
	case errors.Is(err, fault.Unauthorized):
		return fault.Wrapf(fault.Unauthorized, "it has not proved the network key (does it have the same one?)")
	case errors.Is(err, libp2pswarm.ErrGaterDisallowedConnection):
		return fault.Wrapf(fault.Refused, "it is not on the list of allowed peers, or has just failed to prove the network key")
	case errors.As(err, &others):
		return fault.Wrapf(fault.NoSource, "another node answers at %s: its address is out of date", dialled(err))
	// libp2p wraps neither.
	case strings.Contains(err.Error(), "certificate verification failed"), strings.Contains(err.Error(), "tls: bad certificate"):
		return fault.Wrapf(fault.NoSource, "one of the two does not take the other's certificate: do their clocks differ by more than an hour?")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Wrapf(fault.NoSource, "nobody listens at %s", dialled(err))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fault.Wrapf(fault.NoSource, "it hung up before a connection was made, at %s", dialled(err))
	}
	return fault.Wrapf(fault.NoSource, "no answer from %s", dialled(err))
}

// maxNamed is how many addresses are worth telling of.
const maxNamed = 3

// dialled returns the addresses that were dialled.
func dialled(err error) string {
	var dial *libp2pswarm.DialError
	if !errors.As(err, &dial) || len(dial.DialErrors) == 0 {
		return "any of its addresses"
	}
	var addrs []ma.Multiaddr
	for _, e := range dial.DialErrors {
		addrs = append(addrs, e.Address)
	}
	return Named(addrs)
}

// Named names addresses for people, a few at most.
func Named(addrs []ma.Multiaddr) string {
	var all []string
	for _, a := range addrs[:min(len(addrs), maxNamed)] {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}
