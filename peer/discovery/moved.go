package discovery

import (
	"context"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/peer/p2phost"
)

// moved finds again whom this node was connected with when its machine's
// addresses change: a laptop that comes to another network, a new lease. What
// came from an address that is gone carries nothing any more, but TCP and QUIC
// take half a minute and more to notice.
type moved struct {
	host *p2phost.Host
	own  func() ([]ma.Multiaddr, error) // the machine's addresses
}

const (
	// movedPeriod is how soon a change is noticed.
	movedPeriod = 2 * time.Second
	// movedTold is how long those who were lost are told of: the other side may
	// turn the first new connection away, while it believes in the old one.
	movedTold = time.Minute
)

func newMoved(h *p2phost.Host) *moved { return &moved{host: h, own: manet.InterfaceMultiaddrs} }

// Run closes what came from addresses that are gone, and tells of the nodes at
// the other ends.
func (m *moved) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	tick := time.NewTicker(movedPeriod)
	defer tick.Stop()
	before := m.addrs()
	var lost []peer.AddrInfo
	var until time.Time
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := m.addrs()
		if now == nil {
			continue // to be asked again
		}
		if time.Now().After(until) {
			lost = nil
		}
		if more := m.cutOff(before, now); len(more) > 0 {
			lost, until = mergePeers(lost, more), time.Now().Add(movedTold)
		}
		for _, info := range lost {
			found(info) // who is connected is not dialled
		}
		before = now
	}
}

// addrs returns the machine's IP addresses; nil where it does not tell.
func (m *moved) addrs() map[netip.Addr]bool {
	own, err := m.own()
	if err != nil {
		return nil
	}
	all := make(map[netip.Addr]bool, len(own))
	for _, a := range own {
		if ip, ok := ipOf(a); ok {
			all[ip] = true
		}
	}
	return all
}

func ipOf(a ma.Multiaddr) (netip.Addr, bool) {
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

// cutOff closes the connections that came from an address which the machine
// had before and has no longer, and gives the nodes they were with.
func (m *moved) cutOff(before, now map[netip.Addr]bool) []peer.AddrInfo {
	var lost []peer.AddrInfo
	for _, c := range m.host.Network().Conns() {
		ip, ok := ipOf(c.LocalMultiaddr())
		if !ok || !before[ip] || now[ip] {
			continue
		}
		p := c.RemotePeer()
		known := m.host.AddrsOf(p)
		_ = c.Close() // nobody at the other end hears of it
		if m.host.Network().Connectedness(p) == network.NotConnected {
			lost = append(lost, p2phost.Usable(peer.AddrInfo{ID: p, Addrs: known}))
		}
	}
	return lost
}
