package peer

import (
	"net"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxTold is how many peers one message of the exchange may tell of.
const maxTold = 32

// From how far away an address can be used.
const (
	onMachine = iota // the loopback: only on this machine
	onSite           // private, link-local: only in the same network
	anywhere
)

// reachOf tells from how far away a can be used. Of a relayed address it is
// the relay's that counts.
func reachOf(a ma.Multiaddr) int {
	ip, err := manet.ToIP(a)
	switch {
	case err != nil: // a name
		return anywhere
	case ip.IsLoopback():
		return onMachine
	case manet.IsPublicAddr(a) || isPublicIP(ip):
		return anywhere
	}
	return onSite
}

// isPublicIP is for addresses that multiaddr's list calls neither public nor
// private, such as those reserved for examples.
func isPublicIP(ip net.IP) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !sharedNet.Contains(ip)
}

// sharedNet is behind a provider's NAT (RFC 6598): private in all but name.
var sharedNet = net.IPNet{IP: net.IPv4(100, 64, 0, 0).To4(), Mask: net.CIDRMask(10, 32)}

// distance tells how far away a connected peer is: an address of a smaller
// reach than that is of no use to it, and none that it could know.
func distance(h host.Host, p peer.ID) int {
	nearest := anywhere
	for _, c := range h.Network().ConnsToPeer(p) {
		if !c.Stat().Limited {
			nearest = min(nearest, reachOf(c.RemoteMultiaddr()))
		}
	}
	return nearest
}

// tellable gives what may be told to the peer `to` about others: at most
// maxTold, each with the few addresses that can be of use there, first the one
// under which it has been dialled with success.
func tellable(h host.Host, to peer.ID, about []peer.ID) []peer.AddrInfo {
	far := distance(h, to)
	var out []peer.AddrInfo
	for _, p := range about {
		if len(out) == maxTold {
			break
		}
		if p == to || p == h.ID() {
			continue
		}
		known := append(dialledAddrs(h, p), h.Peerstore().Addrs(p)...)
		if info := within(far, peer.AddrInfo{ID: p, Addrs: known}); len(info.Addrs) > 0 {
			out = append(out, info)
		}
	}
	return out
}

// ownAddrs are those under which others may reach h, as far as it knows.
func ownAddrs(h host.Host) []ma.Multiaddr {
	return usable(peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}).Addrs
}

// learn keeps the addresses of the remote, so that others can be told of it
// from its first JOIN on: identify, which brings them too, may come later than
// that. It then takes the place of these.
func (l *link) learn(addrs []ma.Multiaddr) {
	known := usable(peer.AddrInfo{ID: l.peer, Addrs: addrs})
	l.node.host.Peerstore().AddAddrs(l.peer, known.Addrs, peerstore.TempAddrTTL)
}

// dialledAddrs are the addresses under which h itself has reached p.
func dialledAddrs(h host.Host, p peer.ID) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, c := range h.Network().ConnsToPeer(p) {
		if c.Stat().Direction == network.DirOutbound {
			addrs = append(addrs, c.RemoteMultiaddr())
		}
	}
	return addrs
}

// within keeps the addresses that can be used from far away.
func within(far int, info peer.AddrInfo) peer.AddrInfo {
	kept := peer.AddrInfo{ID: info.ID}
	for _, a := range info.Addrs {
		if reachOf(a) >= far {
			kept.Addrs = append(kept.Addrs, a)
		}
	}
	return usable(kept)
}

// checkTold keeps what is sensible of what the peer `from` told of: not us,
// not itself, at most maxTold, each with at most maxAddrsPeer addresses, and no
// private address from a teller on the public network: that would have us dial
// whatever stands in our own.
func checkTold(h host.Host, from peer.ID, told []peer.AddrInfo) []peer.AddrInfo {
	far := distance(h, from)
	var out []peer.AddrInfo
	for _, info := range told[:min(len(told), maxTold)] {
		if info.ID == h.ID() || info.ID == from || info.ID.Validate() != nil {
			continue
		}
		if info = within(far, info); len(info.Addrs) > 0 {
			out = append(out, info)
		}
	}
	return out
}
