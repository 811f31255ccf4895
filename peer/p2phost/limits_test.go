package p2phost

import (
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/load"
)

func TestManyNodesOnOneAddressMeet(t *testing.T) {
	hub := startHost(t, nil)
	const n = 40
	var group sync.WaitGroup
	for range n {
		h := startHost(t, nil)
		group.Go(func() {
			if err := h.Connect(testContext(t), hub.whereabouts(overTCP)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	eventually(t, func() bool { return len(hub.Network().Peers()) == n })
}

// TestTheBoundsOfOneAddress asks the resource manager, as the transports do:
// real handshakes by the thousand would take minutes.
func TestTheBoundsOfOneAddress(t *testing.T) {
	for _, one := range []string{
		"/ip4/127.0.0.1/tcp/4001", "/ip4/203.0.113.7/tcp/4001", "/ip4/203.0.113.7/udp/4001/quic-v1", "/ip6/2001:db8::7/tcp/4001",
	} {
		for _, known := range []bool{false, true} {
			limits, err := newLimits(new(load.Meter), false)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { limits.Close() })
			if got := letIn(t, limits, one, 2*maxConnsAddress, known); got != maxConnsAddress {
				t.Errorf("%d connections from %s, want %d", got, one, maxConnsAddress)
			}
			if got := letIn(t, limits, "/ip4/203.0.113.8/udp/4001/quic-v1", 10, known); got != 10 {
				t.Error("who comes from another address has to suffer for it")
			}
		}
	}
}

// letIn opens n connections from addr and tells how many are let in; known
// ones say who they are, each another peer.
func letIn(t *testing.T, limits network.ResourceManager, addr string, n int, known bool) int {
	t.Helper()
	in := 0
	for i := range n {
		scope, err := limits.OpenConnection(network.DirInbound, false, ma.StringCast(addr))
		if err != nil {
			continue
		}
		t.Cleanup(scope.Done)
		in++
		if known {
			if err := scope.SetPeer(peer.ID(addr + " " + strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return in
}

func TestRefusedConnectionsAreCounted(t *testing.T) {
	h := startHost(t, nil)
	meter := new(load.Meter)
	limits := countingLimits{ResourceManager: &refusing{}, meter: meter}
	for range 3 {
		_, _ = limits.OpenConnection(network.DirInbound, true, h.Addrs()[0])
	}
	_, _ = limits.OpenConnection(network.DirOutbound, true, h.Addrs()[0])
	if got := load.NewReporter(load.Info{}, meter, new(load.Sockets)).Sample(load.Sample).ConnsRefused; got != 3 {
		t.Errorf("%d connections were refused, want the 3 that came in", got)
	}
}

type refusing struct{ network.NullResourceManager }

func (*refusing) OpenConnection(network.Direction, bool, ma.Multiaddr) (network.ConnManagementScope, error) {
	return nil, network.ErrResourceLimitExceeded
}

// TestAFloodOfMuteConnectionsHurtsNobodyElse opens more connections than one
// address may have, and says nothing on them.
func TestAFloodOfMuteConnectionsHurtsNobodyElse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	victim, friend := startHost(t, nil), startHost(t, nil)
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	var flood []net.Conn
	defer func() {
		for _, c := range flood {
			c.Close()
		}
	}()
	for range maxConnsAddress + 100 {
		c, err := from.DialContext(testContext(t), "tcp", tcpAddress(t, victim))
		if err != nil {
			t.Fatal(err)
		}
		flood = append(flood, c)
	}
	eventually(t, func() bool { return victim.conns().ConnsRefused > 0 })
	meet(t, friend, victim, overTCP)
	flow(t, friend, victim, 1<<20)
	if n := runtime.NumGoroutine(); n > 20*maxConnsAddress {
		t.Errorf("the flood costs %d goroutines", n)
	}
}

func tcpAddress(t *testing.T, h testHost) string {
	t.Helper()
	a := h.whereabouts(overTCP).Addrs[0]
	ip, err := a.ValueForProtocol(ma.P_IP4)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(ip, port(a))
}
