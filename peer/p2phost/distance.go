package p2phost

import (
	"net"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// From how far away an address can be used.
const (
	onMachine = iota // the loopback: only on this machine
	onSite           // private, link-local: only in the same network
	anywhere
)

// reachOf returns from how far away a can be used. Of a relayed address it is
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

// maxAddrsPeer bounds the addresses that are kept of one peer.
const maxAddrsPeer = 8

// Usable keeps the addresses that can be dialled at all, each once.
func Usable(info peer.AddrInfo) peer.AddrInfo {
	kept := peer.AddrInfo{ID: info.ID}
	for _, a := range info.Addrs {
		if len(kept.Addrs) < maxAddrsPeer && CheckDialable(a) == nil && !ma.Contains(kept.Addrs, a) {
			kept.Addrs = append(kept.Addrs, a)
		}
	}
	return kept
}

// AddrsFor keeps the addresses of info that can be used where the connected
// peer p is, each once: one of a smaller reach than its distance is of no use
// to it, and none that it could know.
func (h *Host) AddrsFor(p peer.ID, info peer.AddrInfo) peer.AddrInfo {
	return within(h.distance(p), info)
}

// AddrsFrom keeps the addresses of info that the connected peer p, who tells of
// them, could use itself, and no names: p may have one lead to whatever stands
// in this node's own network.
func (h *Host) AddrsFrom(p peer.ID, info peer.AddrInfo) peer.AddrInfo {
	return h.AddrsFor(p, nameless(info))
}

// FromNetwork keeps what anybody on the local network may tell of: no names, and
// nothing on this machine.
func FromNetwork(info peer.AddrInfo) peer.AddrInfo { return within(onSite, nameless(info)) }

// FromTable keeps what the nodes that are connected may have told between them.
func (h *Host) FromTable(info peer.AddrInfo) peer.AddrInfo {
	return within(h.near.nearest(), nameless(info))
}

func nameless(info peer.AddrInfo) peer.AddrInfo {
	info.Addrs = slices.DeleteFunc(slices.Clone(info.Addrs), isName)
	return info
}

// isName returns whether an address begins with a name that is to be resolved.
func isName(a ma.Multiaddr) bool {
	_, err := manet.ToIP(a)
	return err != nil
}

func within(far int, info peer.AddrInfo) peer.AddrInfo {
	info.Addrs = slices.DeleteFunc(slices.Clone(info.Addrs), func(a ma.Multiaddr) bool { return reachOf(a) < far })
	return Usable(info)
}

// distance returns how far away a connected peer is.
func (h *Host) distance(p peer.ID) int {
	nearest := anywhere
	for _, c := range h.Network().ConnsToPeer(p) {
		if !c.Stat().Limited {
			nearest = min(nearest, reachOf(c.RemoteMultiaddr()))
		}
	}
	return nearest
}

// Hidden returns whether none of the given connected peers could dial this host,
// and how many of them none of the others could, by what they say of themselves.
func (h *Host) Hidden(connected []peer.ID) (self bool, others int) {
	var far []int
	for _, p := range connected {
		far = append(far, h.distance(p))
	}
	slices.Sort(far)
	for i, p := range connected {
		if i == 0 {
			self = len(within(far[0], peer.AddrInfo{ID: h.ID(), Addrs: h.Own()}).Addrs) == 0
		}
		nearest := far[0]
		if len(far) > 1 && h.distance(p) == nearest {
			nearest = far[1] // itself it need not dial
		}
		if len(within(nearest, peer.AddrInfo{ID: p, Addrs: h.AddrsOf(p)}).Addrs) == 0 {
			others++
		}
	}
	return self, others
}

// AddrsOf returns all known addresses of p, first those under which this host
// itself has reached it.
func (h *Host) AddrsOf(p peer.ID) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, c := range h.Network().ConnsToPeer(p) {
		if c.Stat().Direction == network.DirOutbound {
			addrs = append(addrs, c.RemoteMultiaddr())
		}
	}
	return append(addrs, h.Peerstore().Addrs(p)...)
}

// Short returns the end of a peer id, which tells ids apart: all begin alike.
func Short(p peer.ID) string {
	text := p.String()
	return "…" + text[max(0, len(text)-8):]
}
