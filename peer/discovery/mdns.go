package discovery

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"

	"starmesh/common/fault"
	"starmesh/peer/p2phost"
)

// mdnsFinder finds on the local network, by multicast DNS (RFC 6762). Everyone
// on that network can see that this node is there, its id and its addresses;
// of a private mesh the name tells only those who have the key.
type mdnsFinder struct {
	host *p2phost.Host
	name string
}

func newMDNS(h *p2phost.Host, key p2phost.NetworkKey) *mdnsFinder {
	return &mdnsFinder{host: h, name: mdnsName(key)}
}

// mdnsName is the service's name: at most 15 characters between underscore and
// dot (RFC 6763, §7.2).
func mdnsName(key p2phost.NetworkKey) string {
	if tag := key.Tag(); tag != "" {
		return "_sm" + tag[:12] + "._udp"
	}
	return "_starmesh._udp"
}

// Run announces this node and tells of others until ctx ends. It fails with
// fault.NoSource where there is no interface that multicast works on.
func (m *mdnsFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	if !hasMulticast() {
		return fault.Wrapf(fault.NoSource, "mDNS finds nobody here: this machine has no network interface with multicast (its address or a ticket leads to a node all the same)")
	}
	for ctx.Err() == nil {
		if err := m.announce(ctx, found); err != nil {
			return err
		}
	}
	return nil
}

// mdnsLook is how often this node looks whether it has other addresses than it
// announces. libp2p looks at them once, and remembers for a minute what it saw.
const mdnsLook = 5 * time.Second

// announce announces the addresses that the host has now, until it has others
// or ctx ends.
func (m *mdnsFinder) announce(ctx context.Context, found func(peer.AddrInfo)) error {
	said := m.addrs()
	s := mdns.NewMdnsService(m.host, m.name, notifiee{found: found, ctx: ctx})
	if err := s.Start(); err != nil {
		return errors.Join(fault.Wrapf(fault.NoSource, "mDNS does not work here: %w", err), s.Close())
	}
	tick := time.NewTicker(mdnsLook)
	defer tick.Stop()
	for ctx.Err() == nil && slices.Equal(said, m.addrs()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if err := s.Close(); err != nil {
		return fault.Wrapf(fault.Internal, "mDNS did not end well: %w", err)
	}
	return nil
}

// addrs are the addresses that mdns announces.
func (m *mdnsFinder) addrs() []string {
	own, _ := m.host.Network().InterfaceListenAddresses() // Start says what is wrong
	all := make([]string, 0, len(own))
	for _, a := range own {
		all = append(all, a.String())
	}
	slices.Sort(all)
	return all
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
		n.found(p2phost.Usable(info))
	}
}

// hasMulticast returns whether any interface that is up can do multicast.
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
