package p2phost

import (
	"errors"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/fault"
)

func TestAddressesThatCanNotWorkAreRefusedWithTheRightForm(t *testing.T) {
	for _, c := range []struct{ flag, arg, says string }{
		{"join", "203.0.113.7:4001", "did you mean /ip4/203.0.113.7/tcp/4001"},
		{"join", "mesh.example.org:4001", "did you mean /dns/mesh.example.org/tcp/4001"},
		{"join", "[2001:db8::7]:4001", "did you mean /ip6/2001:db8::7/tcp/4001"},
		{"join", "203.0.113.7", "the form is /ip4/"},
		{"join", "203.0.113.7:99999", "the form is /ip4/"},
		{"join", "http://x", "the form is /ip4/"},
		{"join", "", "the form is /ip4/"},
		{"join", "/ip4/203.0.113.7/tcp/4001", "does not end in the node's id"},
		{"join", "/p2p/" + anID, "without an address"},
		{"join", "/ip4/203.0.113.7/tcp/99999/p2p/" + anID, "the form is /ip4/"},
		{"join", "/ip4/203.0.113.7/tcp/0/p2p/" + anID, "port 0"},
		{"join", "/ip4/0.0.0.0/tcp/4001/p2p/" + anID, "no address one can dial"},
		{"join", "/ip4/203.0.113.7/udp/4001/p2p/" + anID, "neither by TCP nor by QUIC"},
		{"join", "/ip4/203.0.113.7/tcp/4001/p2p/nonsense", "the form is /ip4/"},
		{"listen", "0.0.0.0:4001", "did you mean /ip4/0.0.0.0/tcp/4001"},
		{"listen", ":4001", "did you mean /ip4/0.0.0.0/tcp/4001"},
		{"listen", "/ip4/0.0.0.0", "listens on TCP or QUIC"},
		{"listen", "/ip4/0.0.0.0/udp/4001", "listens on TCP or QUIC"},
		{"listen", "/ip4/0.0.0.0/tcp/4001/ws", "listens on TCP or QUIC"},
		{"listen", "/dns4/example.org/tcp/4001", "not on a name"},
		{"listen", "/ip4/0.0.0.0/tcp/4001/p2p/" + anID, "leave out /p2p/"},
		{"listen", "/ip4/0.0.0.0/tcp/70000", "the form is /ip4/"},
		{"listen", "/ip4/300.0.0.1/tcp/1", "the form is /ip4/"},
		{"allow", "someone", "no peer id"},
	} {
		var err error
		switch c.flag {
		case "join":
			_, err = ParsePeer(c.arg)
		case "listen":
			_, err = parseListen([]string{c.arg})
		case "allow":
			_, err = parseAllow([]string{c.arg})
		}
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("--%s %q: %v", c.flag, c.arg, err)
		}
	}
}

func TestAddressesThatCanWork(t *testing.T) {
	for _, text := range []string{
		"/ip4/203.0.113.7/tcp/4001/p2p/" + anID, "/dns4/mesh.example.org/udp/443/quic-v1/p2p/" + anID,
		"/ip4/203.0.113.9/tcp/4001/p2p/" + anRSAID + "/p2p-circuit/p2p/" + anID,
	} {
		info, err := ParsePeer(text)
		if err != nil || info.ID.String() != anID || len(info.Addrs) != 1 {
			t.Errorf("%s: %v, %v", text, info, err)
		}
	}
	listen, err := parseListen(nil)
	if err != nil || len(listen) != 2 || beyondLoopback(listen) {
		t.Errorf("by default a node listens on %v, %v", listen, err)
	}
	listen, err = parseListen([]string{"/ip4/0.0.0.0/tcp/0", "/ip6/::/udp/4001/quic-v1"})
	if err != nil || !beyondLoopback(listen) {
		t.Errorf("%v, %v", listen, err)
	}
	allowed, err := parseAllow([]string{anID, anRSAID})
	if err != nil || len(allowed) != 2 {
		t.Errorf("%v, %v", allowed, err)
	}
}

func TestTicketsCarryAddressesThatOthersCanUse(t *testing.T) {
	local := startHost(t, nil)
	for _, a := range local.Where().Addrs {
		if reachOf(a) != onMachine {
			t.Errorf("a node on the loopback tells of %s", a)
		}
	}
	if n := len(local.Where().Addrs); n != 2 {
		t.Errorf("%d addresses, want one of TCP and one of QUIC", n)
	}
	wide := startHost(t, func(c *Config) {
		c.Listen = []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}
	})
	info := wide.Where()
	if len(info.Addrs) == 0 {
		t.Fatal("no address at all")
	}
	for i, a := range info.Addrs {
		if CheckDialable(a) != nil {
			t.Errorf("nobody can dial %s", a)
		}
		if reachOf(a) > reachOf(info.Addrs[max(i-1, 0)]) {
			t.Errorf("not the best first: %v", info.Addrs)
		}
		if reachOf(a) == onMachine && reachOf(info.Addrs[0]) != onMachine {
			t.Errorf("the loopback beside better ones: %v", info.Addrs)
		}
	}
	if len(info.Addrs) > 0 && transportOf(info.Addrs[0]) != overTCP {
		t.Errorf("TCP is not first: %v", info.Addrs)
	}
}

func TestReach(t *testing.T) {
	for text, want := range map[string]int{
		"/ip4/127.0.0.1/tcp/1": onMachine, "/ip6/::1/tcp/1": onMachine,
		"/ip4/10.1.2.3/tcp/1": onSite, "/ip4/192.168.1.1/udp/1/quic-v1": onSite, "/ip4/169.254.1.1/tcp/1": onSite,
		"/ip4/100.64.3.4/tcp/1": onSite, "/ip6/fe80::1/tcp/1": onSite, "/ip6/fd00::1/tcp/1": onSite,
		"/ip4/8.8.8.8/tcp/1": anywhere, "/ip6/2606:4700::1/tcp/1": anywhere, "/dns4/example.org/tcp/1": anywhere,
	} {
		if got := reachOf(ma.StringCast(text)); got != want {
			t.Errorf("%s reaches %d, want %d", text, got, want)
		}
	}
}

func TestTheOrderOfDialling(t *testing.T) {
	ranked := tcpFirst(addrsOf(aRelayed, "/ip4/127.0.0.1/udp/1/quic-v1", "/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/udp/1/quic-v1"))
	want := []string{"/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/udp/1/quic-v1", "/ip4/127.0.0.1/udp/1/quic-v1", aRelayed}
	for i, r := range ranked {
		if r.Addr.String() != want[i] || (i > 0 && r.Delay < ranked[i-1].Delay) {
			t.Errorf("%d: %s after %v, want %s", i, r.Addr, r.Delay, want[i])
		}
	}
	if alone := tcpFirst(addrsOf(anIPv6)); len(alone) != 1 || alone[0].Delay != 0 {
		t.Errorf("QUIC waits for nothing: %v", alone)
	}
}
