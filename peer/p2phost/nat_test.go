package p2phost

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"
)

func listensEverywhere(c *Config) {
	c.Listen = []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}
}

// relays reports whether h offers to relay.
func (h testHost) relays() bool {
	for _, p := range h.Mux().Protocols() {
		if p == proto.ProtoIDv2Hop {
			return true
		}
	}
	return false
}

func TestOnlyAPublicNodeRelays(t *testing.T) {
	public := startHost(t, func(c *Config) { listensEverywhere(c); c.Public = true })
	eventually(t, public.relays)
	if local := startHost(t, nil); local.relays() {
		t.Error("a node on the loopback relays")
	}
}

// TestNodesMeetOverARelayAndProveTheKeyThere: the connection over a relay is
// one more on which the key is proved. A stranger does not get as far as the
// relay.
func TestNodesMeetOverARelayAndProveTheKeyThere(t *testing.T) {
	for name, c := range map[string]struct {
		dialler NetworkKey
		meet    bool
	}{"a friend": {testKey("key"), true}, "a stranger": {testKey("other"), false}} {
		t.Run(name, func(t *testing.T) {
			private := func(cfg *Config) { listensEverywhere(cfg); cfg.Key = testKey("key") }
			relay := startHost(t, func(cfg *Config) { private(cfg); cfg.Public = true })
			eventually(t, relay.relays)
			hidden := startHost(t, private)
			dialler := startHost(t, func(cfg *Config) { private(cfg); cfg.Key = c.dialler })
			meet(t, hidden, relay, overTCP)
			ctx := testContext(t)
			if _, err := client.Reserve(ctx, hidden, relay.whereabouts(overTCP)); err != nil {
				t.Fatal(err)
			}
			through := relay.whereabouts(overTCP).Addrs[0].Encapsulate(ma.StringCast("/p2p/" + relay.ID().String() + "/p2p-circuit"))
			err := dialler.Connect(ctx, peer.AddrInfo{ID: hidden.ID(), Addrs: []ma.Multiaddr{through}})
			if c.meet != (err == nil) {
				t.Fatalf("meeting: %v", err)
			}
			if c.meet {
				speak(t, dialler, hidden)
			}
		})
	}
}

// speak opens a stream over whatever connection there is.
func speak(t *testing.T, a, b testHost) {
	t.Helper()
	heard := make(chan struct{})
	b.SetStreamHandler(testProtocol, func(s network.Stream) {
		_, _ = s.Read(make([]byte, 1))
		close(heard)
	})
	s, err := a.NewStream(network.WithAllowLimitedConn(testContext(t), "test"), b.ID(), testProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := queueOf(s.Conn()).urgent(s, []byte{1}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Error("nothing was heard over the relay")
	}
}

func TestRelaysAreLookedForAmongTheConnected(t *testing.T) {
	n := &neighbours{}
	if got := collect(n.relays(context.Background(), 3)); len(got) != 0 {
		t.Errorf("before there is a host: %v", got)
	}
	relay := startHost(t, func(c *Config) { listensEverywhere(c); c.Public = true })
	eventually(t, relay.relays)
	other, h := startHost(t, nil), startHost(t, nil)
	meet(t, h, relay, overTCP)
	meet(t, h, other, overTCP)
	n.set(h.Host)
	eventually(t, func() bool { // identify tells of it
		got := collect(n.relays(context.Background(), 3))
		return len(got) == 1 && got[0].ID == relay.ID()
	})
	if got := collect(n.relays(context.Background(), 0)); len(got) != 0 {
		t.Errorf("none was wanted: %v", got)
	}
}

func collect(c <-chan peer.AddrInfo) []peer.AddrInfo {
	var all []peer.AddrInfo
	for p := range c {
		all = append(all, p)
	}
	return all
}

func TestWhoIsOnTheInternetItself(t *testing.T) {
	for _, c := range []struct {
		own  string
		want bool
	}{
		{"/ip4/127.0.0.1 /ip4/1.2.3.4", true},
		{"/ip4/127.0.0.1 /ip4/192.168.1.2", false},
		{"/ip4/127.0.0.1 /ip4/100.64.0.1", false},
		{"/ip4/127.0.0.1 /ip4/192.168.1.2 /ip6/2a01:4f8::1", false},
		{"/ip4/127.0.0.1 /ip6/2a01:4f8::1", true},
		{"/ip4/127.0.0.1 /ip6/fd00::1 /ip6/::1", false},
		{"/ip4/127.0.0.1", false},
	} {
		if got := isOutside(addrsOf(strings.Fields(c.own)...)); got != c.want {
			t.Errorf("%s: %v", c.own, got)
		}
	}
}

// TestNodesBehindNATsDialQUICFirst, where it is of use: towards the internet.
func TestNodesBehindNATsDialQUICFirst(t *testing.T) {
	addrs := []string{
		"/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/udp/1/quic-v1", "/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/udp/1/quic-v1",
		"/ip4/1.2.3.4/tcp/1/p2p/" + anID + "/p2p-circuit", "/ip4/1.2.3.4/udp/1/quic-v1/p2p/" + anID + "/p2p-circuit",
	}
	for private, want := range map[bool][]int{true: {1, 2, 0, 3, 5, 4}, false: {0, 2, 1, 3, 4, 5}} {
		ranked := dialOrder(func() bool { return private })(addrsOf(addrs...))
		last := time.Duration(-1)
		for i, at := range want {
			if got := ranked[i].Addr.String(); got != addrs[at] {
				t.Errorf("private %v: %d is %s, want %s", private, i, got, addrs[at])
			}
			if ranked[i].Delay <= last {
				t.Errorf("private %v: %s after %v, the one before after %v", private, ranked[i].Addr, ranked[i].Delay, last)
			}
			last = ranked[i].Delay
		}
	}
}
