package p2phost

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"starmesh/common/fault"
	"starmesh/common/ownaddr"
)

// surrounded is a host that is connected with others at these addresses.
type surrounded struct {
	host.Host
	remotes []ma.Multiaddr
}

func (s surrounded) Network() network.Network { return surroundings{remotes: s.remotes} }

type surroundings struct {
	network.Network
	remotes []ma.Multiaddr
}

func (s surroundings) Conns() (all []network.Conn) {
	for _, a := range s.remotes {
		all = append(all, from{addr: a})
	}
	return all
}

type from struct {
	network.Conn
	addr ma.Multiaddr
}

func (f from) RemoteMultiaddr() ma.Multiaddr { return f.addr }

func among(known int, remotes ...string) *neighbours {
	n := &neighbours{known: known}
	n.set(surrounded{remotes: addrsOf(remotes...)})
	return n
}

const (
	inner, nearby, public = "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.77.1/tcp/1", "/ip4/8.8.8.8/tcp/1"
)

// TestWhatIsToldIsNotDialledBeyondWhoToldIt: at the dial names are resolved, and
// what libp2p has heard of is there too.
func TestWhatIsToldIsNotDialledBeyondWhoToldIt(t *testing.T) {
	p := decodeID(t, anID)
	for _, c := range []struct {
		around  []string
		given   []string // where this node itself has found p
		allowed []string
	}{
		{around: []string{public}, allowed: []string{public}},
		{around: []string{public, nearby}, allowed: []string{public, nearby}},
		{around: []string{inner}, allowed: []string{public, nearby, inner}},
		{around: nil, allowed: []string{public, nearby, inner}}, // nobody has told anything
		{around: []string{public}, given: []string{nearby}, allowed: []string{public, nearby}},
		{around: []string{public}, given: []string{"/dns4/example.org/tcp/1"}, allowed: []string{public, nearby, inner}}, // the user's own
	} {
		g := newGate(NetworkKey{}, nil, nil)
		g.near = among(anywhere, c.around...)
		done := func() {}
		if c.given != nil {
			done = g.dials(peer.AddrInfo{ID: p, Addrs: addrsOf(c.given...)})
		}
		for _, a := range []string{public, nearby, inner} {
			if got := g.InterceptAddrDial(p, ma.StringCast(a)); got != slices.Contains(c.allowed, a) {
				t.Errorf("among %v, found at %v: %s is dialled: %v", c.around, c.given, a, got)
			}
		}
		done()
		if c.around != nil && c.around[0] == public && len(c.around) == 1 && g.InterceptAddrDial(p, ma.StringCast(inner)) {
			t.Errorf("found at %v: that counts after the dial", c.given)
		}
	}
}

// TestALinkedNodeThatNamesInnerAddressesIsNotDialledThere, by libp2p either.
func TestOnlyWhereANodeWasFoundItIsDialled(t *testing.T) {
	a, b, trap := startHost(t, nil), startHost(t, nil), startHost(t, nil)
	a.Peerstore().AddAddrs(b.ID(), trap.Own(), 1<<40) // what it once said of itself
	if _, err := a.Reach(testContext(t), peer.AddrInfo{ID: b.ID(), Addrs: b.Own()}); err != nil {
		t.Fatal(err)
	}
	if n := trap.conns().ConnsTotal + trap.conns().ConnsRefused; n > 0 {
		t.Errorf("another was dialled %d times", n)
	}
}

// TestStrangersAreToldNoInnerAddresses: what identify tells is the same for all.
func TestStrangersAreToldNoInnerAddresses(t *testing.T) {
	site := "/ip4/100.64.7.7/tcp/1" // of no interface here
	for _, c := range []struct {
		near *neighbours
		own  []string
		want []string
	}{
		{among(onMachine), []string{inner}, []string{inner}},
		{among(onMachine), []string{inner, site}, []string{site}},
		{among(onMachine), []string{inner, site, public}, []string{public}},
		{among(anywhere), []string{inner, site}, nil},
		{among(onMachine, public), []string{inner, site}, nil},
		{among(onSite), []string{inner}, nil},
	} {
		if got := c.near.tell(addrsOf(c.own...)); !slices.EqualFunc(got, addrsOf(c.want...), ma.Multiaddr.Equal) {
			t.Errorf("of %v %v is told, want %v", c.own, got, c.want)
		}
	}
}

func TestWhatIsAnnouncedComesFirst(t *testing.T) {
	const mapped = "/ip4/203.0.113.7/tcp/4001"
	h := startHost(t, func(c *Config) { c.Announce = []string{mapped} })
	for what, addrs := range map[string][]ma.Multiaddr{"a ticket": h.Where().Addrs, "HELLO": h.Own(), "identify": h.Addrs()} {
		if len(addrs) == 0 || addrs[0].String() != mapped {
			t.Errorf("in %s: %v", what, addrs)
		}
	}
	for arg, says := range map[string]string{
		"203.0.113.7:4001": "did you mean /ip4/203.0.113.7/tcp/4001", "/ip4/0.0.0.0/tcp/4001": "no address one can dial",
		mapped + "/p2p/" + anID: "leave out /p2p/", "/ip4/203.0.113.7/tcp/0": "port 0",
	} {
		if err := (Config{Announce: []string{arg}}).Check(); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", arg, err)
		}
	}
}

// TestANodeListensOnTheNetworkOverWhichItReachesOthers.
func TestANodeListensOnTheNetworkOverWhichItReachesOthers(t *testing.T) {
	at := func(addrs ...string) []peer.AddrInfo { return []peer.AddrInfo{{ID: "x", Addrs: addrsOf(addrs...)}} }
	if got := toward(at("/ip4/127.0.0.1/tcp/4001", "/ip4/127.0.0.1/udp/4001/quic-v1")); !slices.Equal(got, defaultListen) {
		t.Errorf("toward the loopback: %v", got)
	}
	lan := ownaddr.List()
	if len(lan) == 0 {
		t.Skip("this machine has no network")
	}
	for _, known := range [][]peer.AddrInfo{nil, at("/ip4/127.0.0.1/tcp/1", "/ip4/192.0.2.200/tcp/4001")} {
		h := startHost(t, func(c *Config) { c.Follow, c.Known = true, known })
		own := h.Own()
		if len(own) != 2 || slices.ContainsFunc(own, manet.IsIPLoopback) {
			t.Errorf("toward %v: %v", known, own)
		}
	}
	h := startHost(t, func(c *Config) { c.Follow, c.Listen = true, defaultListen })
	if !slices.ContainsFunc(h.Own(), manet.IsIPLoopback) || len(h.Own()) != 2 {
		t.Errorf("where it was told to listen counts for less: %v", h.Own())
	}
}
