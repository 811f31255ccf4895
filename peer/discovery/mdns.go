package discovery

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	ma "github.com/multiformats/go-multiaddr"

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
// dot (RFC 6763, §7.2). There is none for a key that can be guessed.
func mdnsName(key p2phost.NetworkKey) string {
	if key.Guessable() {
		return ""
	}
	if tag := key.Tag(); tag != "" {
		return "_sm" + tag[:12] + "._udp"
	}
	return "_starmesh._udp"
}

// Run announces this node and tells of others until ctx ends. A node that can
// be reached from its own machine only has nothing to announce, and looks for
// none: whoever it found could not use it. It fails with fault.NoSource where
// there is no interface that multicast works on, or the key may not be hinted
// at.
func (m *mdnsFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	if m.name == "" {
		return fault.Wrapf(fault.NoSource, "mDNS is not used where the network key is a passphrase: whoever heard its name could try guesses (a key of random bytes has no such weakness)")
	}
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
	if len(said) > 0 {
		s := mdns.NewMdnsService(onNetwork{m.host}, m.name, notifiee{found: found, ctx: ctx})
		defer s.Close() // always nil
		if err := s.Start(); err != nil {
			return fault.Wrapf(fault.NoSource, "mDNS does not work here: %w", err)
		}
	}
	tick := time.NewTicker(mdnsLook)
	defer tick.Stop()
	for ctx.Err() == nil && slices.Equal(said, m.addrs()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// addrs are the addresses that mdns announces.
func (m *mdnsFinder) addrs() []string {
	own, _ := m.host.OnNetwork() // none: to be asked again
	all := make([]string, 0, len(own))
	for _, a := range own {
		all = append(all, a.String())
	}
	slices.Sort(all)
	return all
}

// onNetwork is a host as mdns is to know it: with no addresses but those that
// the network may know.
type onNetwork struct{ *p2phost.Host }

func (h onNetwork) Network() network.Network { return networkView{h.Host.Network(), h.Host} }

type networkView struct {
	network.Network
	host *p2phost.Host
}

func (v networkView) InterfaceListenAddresses() ([]ma.Multiaddr, error) { return v.host.OnNetwork() }

// notifiee passes on what was heard. mdns calls it in goroutines of its own,
// which may be late.
type notifiee struct {
	found func(peer.AddrInfo)
	ctx   context.Context // of Run; HandlePeerFound is given none
}

// HandlePeerFound is called by mdns.
func (n notifiee) HandlePeerFound(info peer.AddrInfo) {
	if n.ctx.Err() == nil {
		n.found(p2phost.FromNetwork(info))
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
