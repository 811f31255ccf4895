package discovery

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// vain counts the dials to hosts that were only told of, and that have not led
// to a node: strangers may tell of any host, under as many ids as they like, and
// would have this node knock there without end.
type vain struct {
	of    map[netip.Addr]int
	since time.Time
}

const (
	maxVain      = 8 // dials of one host …
	maxVainHosts = 64
	vainTime     = 10 * time.Minute // … within this
)

// mayDial counts a dial, unless there have been enough at one of its hosts.
func (v *vain) mayDial(info peer.AddrInfo, now time.Time) bool {
	if v.of == nil || now.Sub(v.since) >= vainTime {
		v.of, v.since = make(map[netip.Addr]int), now
	}
	hosts := hostsOf(info)
	for ip := range hosts {
		n, known := v.of[ip]
		if n >= maxVain || !known && len(v.of)+len(hosts) > maxVainHosts {
			return false
		}
	}
	for ip := range hosts {
		v.of[ip]++
	}
	return true
}

// reached notes that a dial was not in vain.
func (v *vain) reached(info peer.AddrInfo) {
	for ip := range hostsOf(info) {
		if v.of[ip] > 1 {
			v.of[ip]--
		} else {
			delete(v.of, ip)
		}
	}
}

// hostsOf returns the hosts at which a node is said to be.
func hostsOf(info peer.AddrInfo) map[netip.Addr]bool {
	hosts := make(map[netip.Addr]bool, len(info.Addrs))
	for _, a := range info.Addrs {
		if ip, ok := ipOf(a); ok {
			hosts[ip] = true
		}
	}
	return hosts
}
