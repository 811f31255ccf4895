package discovery

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/peer/p2phost"
)

// maxTold is how many peers one message of the exchange may tell of.
const maxTold = 32

// Own returns the addresses at which this node tells the connected peer `to`
// that it listens: those that can be of use there.
func (d *Discovery) Own(to peer.ID) []ma.Multiaddr {
	return d.host.AddrsFor(to, peer.AddrInfo{ID: d.host.ID(), Addrs: d.host.Own()}).Addrs
}

// Learn keeps the addresses that a connected peer says are its own, so that
// others can be told of it at once: libp2p's identify, which brings them too,
// may come later than that. It then takes the place of these.
func (d *Discovery) Learn(of peer.ID, addrs []ma.Multiaddr) {
	known := d.host.AddrsFrom(of, peer.AddrInfo{ID: of, Addrs: addrs})
	d.host.Peerstore().AddAddrs(of, known.Addrs, peerstore.TempAddrTTL)
}

// Tellable returns what may be told to the peer `to` about others (peer
// exchange): at most maxTold, each with the few addresses that can be of use
// there, first the one under which it has been dialled with success.
func (d *Discovery) Tellable(to peer.ID, about []peer.ID) []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, p := range about {
		if p == to || p == d.host.ID() {
			continue
		}
		if info := d.host.AddrsFor(to, peer.AddrInfo{ID: p, Addrs: d.host.AddrsOf(p)}); len(info.Addrs) > 0 {
			out = append(out, info)
		}
	}
	return spread(out)[:min(len(out), maxTold)]
}

// Near reports whether a host can be of use where the connected peer `to` is: an IP
// address in reach, or a name, of which nobody knows.
func (d *Discovery) Near(to peer.ID, host string) bool {
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return true
	}
	addr, err := manet.FromNetAddr(&net.TCPAddr{IP: ip, Port: 1})
	return err == nil && len(d.host.AddrsFor(to, peer.AddrInfo{Addrs: []ma.Multiaddr{addr}}).Addrs) > 0
}

// spread puts nodes at as many hosts as there are first: a crowd at one host is
// not to keep the others from being told of, or dialled.
func spread(all []peer.AddrInfo) []peer.AddrInfo {
	before := make(map[netip.Addr]int)
	turn := make(map[peer.ID]int, len(all))
	for _, info := range all {
		for ip := range hostsOf(info) {
			turn[info.ID] = max(turn[info.ID], before[ip])
			before[ip]++
		}
	}
	slices.SortStableFunc(all, func(a, b peer.AddrInfo) int { return turn[a.ID] - turn[b.ID] })
	return all
}

// Told has at most limit of those dialled that a connected peer told of, picked
// at random, at different hosts first, and returns how many. A host where nobody is met is soon left alone,
// whoever tells of it.
func (d *Discovery) Told(by peer.ID, places []peer.AddrInfo, limit int) int {
	places = checkTold(d.host, by, places)
	rand.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	places = spread(places)[:min(len(places), max(limit, 0))]
	for _, p := range places {
		d.connector.told(p)
	}
	return len(places)
}

// checkTold keeps what is sensible of what the peer `from` told of: not us,
// not itself, at most maxTold, each with few addresses, no name, and no private
// address from a teller on the public network: those would have us dial whatever
// stands in our own.
func checkTold(h *p2phost.Host, from peer.ID, told []peer.AddrInfo) []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, info := range told[:min(len(told), maxTold)] {
		if info.ID == h.ID() || info.ID == from || info.ID.Validate() != nil {
			continue
		}
		if info = h.AddrsFrom(from, info); len(info.Addrs) > 0 {
			out = append(out, info)
		}
	}
	return out
}
