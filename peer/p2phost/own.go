package p2phost

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/common/ownaddr"
)

// toward returns where a host listens that is to be reached by the nodes that
// it knows, and by those that they tell of it: at the machine's addresses from
// which they are reached. One that knows nobody yet is found in the machine's
// network. None: there is no network.
func toward(known []peer.AddrInfo) []string {
	var from []netip.Addr
	for _, info := range known {
		for _, a := range info.Addrs {
			if ip, ok := ownaddr.Toward(a[0].Value()); ok && !slices.Contains(from, ip) {
				from = append(from, ip)
			}
		}
	}
	if len(known) == 0 {
		from = ownaddr.List()
		from = from[:min(1, len(from))]
	}
	if slices.ContainsFunc(from, func(ip netip.Addr) bool { return !ip.IsLoopback() }) {
		from = slices.DeleteFunc(from, netip.Addr.IsLoopback)
	}
	var listen []string
	for _, ip := range from {
		at := "/ip6/"
		if ip.Is4() {
			at = "/ip4/"
		}
		listen = append(listen, at+ip.WithZone("").String()+"/tcp/0", at+ip.WithZone("").String()+"/udp/0/quic-v1")
	}
	return listen
}

// useful leaves out what nobody needs of a host's own addresses: those of the
// machine's networks beyond the few that are worth telling of, if there is one
// of these.
func useful(own []ma.Multiaddr) []ma.Multiaddr {
	best := ownaddr.List()
	told := func(a ma.Multiaddr) bool { return rank(best, a) < len(best) }
	if !slices.ContainsFunc(own, told) {
		return own
	}
	return slices.DeleteFunc(slices.Clone(own), func(a ma.Multiaddr) bool { return reachOf(a) == onSite && !told(a) })
}

// rank is an address's place among the best ones; behind them if it is none.
func rank(best []netip.Addr, a ma.Multiaddr) int {
	ip, _ := manet.ToIP(a) // none: a name
	if addr, ok := netip.AddrFromSlice(ip); ok {
		if i := slices.Index(best, addr.Unmap()); i >= 0 {
			return i
		}
	}
	return len(best)
}

// Own returns the addresses under which others may reach the host, as far as it
// knows, the best first: those announced, public ones, those of its networks,
// the loopback's. Where it listens on all addresses, those of its interfaces
// stand for it.
func (h *Host) Own() []ma.Multiaddr {
	known := h.Addrs() // what others observed, relays
	if own, err := h.Network().InterfaceListenAddresses(); err == nil {
		known = append(useful(own), known...)
	}
	best := ownaddr.List()
	slices.SortStableFunc(known, func(a, b ma.Multiaddr) int {
		return cmp.Or(reachOf(b)-reachOf(a), transportOf(a)-transportOf(b), rank(best, a)-rank(best, b))
	})
	return Usable(peer.AddrInfo{ID: h.ID(), Addrs: append(slices.Clone(h.near.announced), known...)}).Addrs
}

// Where returns the host's own addresses as others can use them, the best
// first; those of the loopback only if there are no others.
func (h *Host) Where() peer.AddrInfo {
	own := h.Own()
	if beyondLoopback(own) {
		own = slices.DeleteFunc(own, manet.IsIPLoopback)
	}
	return peer.AddrInfo{ID: h.ID(), Addrs: own}
}

// OnNetwork returns the host's own addresses that may be told to everybody on
// the local network.
func (h *Host) OnNetwork() ([]ma.Multiaddr, error) {
	own, err := h.Network().InterfaceListenAddresses()
	return FromNetwork(peer.AddrInfo{ID: h.ID(), Addrs: useful(own)}).Addrs, err
}
