package peer

import (
	"context"
	"errors"
	"net"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"

	"starmesh/common/fault"
)

// mdnsFinder finds on the local network, by multicast DNS (RFC 6762). Everyone
// on that network can see that this node is there, its id and its addresses;
// of a private mesh the name tells only those who have the key.
type mdnsFinder struct {
	host host.Host
	name string
}

func newMDNS(h host.Host, key NetworkKey) *mdnsFinder {
	return &mdnsFinder{host: h, name: mdnsName(key)}
}

// mdnsName is the service's name: at most 15 characters between underscore and
// dot (RFC 6763, §7.2).
func mdnsName(key NetworkKey) string {
	if tag := key.tag(); tag != "" {
		return "_sm" + tag[:12] + "._udp"
	}
	return "_starmesh._udp"
}

// Run announces this node and tells of others until ctx ends. It fails with
// fault.NoSource where there is no interface that multicast works on.
func (m *mdnsFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	if !hasMulticast() {
		return fault.Wrapf(fault.NoSource, "mDNS finds nobody here: this machine has no network interface with multicast (use --join or a ticket)")
	}
	s := mdns.NewMdnsService(m.host, m.name, notifiee{found: found, ctx: ctx})
	if err := s.Start(); err != nil {
		return errors.Join(fault.Wrapf(fault.NoSource, "mDNS does not work here: %v", err), s.Close())
	}
	<-ctx.Done()
	if err := s.Close(); err != nil {
		return fault.Wrapf(fault.Internal, "mDNS did not end well: %v", err)
	}
	return nil
}

// notifiee passes on what was heard. mdns calls it in goroutines of its own,
// which may be late.
type notifiee struct {
	found func(peer.AddrInfo)
	ctx   context.Context // of Run; HandlePeerFound is given none
}

// HandlePeerFound is called by mdns.
func (n notifiee) HandlePeerFound(info peer.AddrInfo) {
	if n.ctx.Err() == nil {
		n.found(usable(info))
	}
}

// hasMulticast tells whether any interface that is up can do multicast.
func hasMulticast() bool {
	all, err := net.Interfaces()
	if err != nil {
		return true // let mDNS say what is wrong
	}
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagMulticast != 0 {
			return true
		}
	}
	return false
}
