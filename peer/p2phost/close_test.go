package peer

import (
	"context"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/load"
)

// TestNothingIsLeftOfAHost: every part of it on, used, and closed.
func TestNothingIsLeftOfAHost(t *testing.T) {
	goleak.VerifyNone(t) // or it would not be ours
	for name, change := range map[string]func(*hostConfig){
		"loopback": func(*hostConfig) {},
		"private":  func(c *hostConfig) { c.Key = testKey("key") },
		"world": func(c *hostConfig) {
			c.Listen = addrsOf("/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1")
			c.Metrics = prometheus.NewRegistry()
		},
		"public": func(c *hostConfig) {
			c.Listen, c.Public = addrsOf("/ip4/0.0.0.0/tcp/0"), true
		},
	} {
		t.Run(name, func(t *testing.T) {
			lives(t, change)
			goleak.VerifyNone(t)
		})
	}
}

// lives has two hosts meet, find through all finders, and end.
func lives(t *testing.T, change func(*hostConfig)) {
	t.Helper()
	var hosts [2]testHost
	var key NetworkKey
	for i := range hosts {
		cfg := hostConfig{Sockets: new(load.Sockets), Meter: new(load.Meter)}
		change(&cfg)
		key = cfg.Key
		h, w, err := newHost(cfg)
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = testHost{Host: h, wire: w, meter: cfg.Meter, sockets: cfg.Sockets}
	}
	a, b := hosts[0], hosts[1]
	table := newDHT(a, key, false)
	table.delay = 0
	table.have(content.ID{1})
	ctx, cancel := context.WithCancel(testContext(t))
	connect := newConnector(a)
	var group sync.WaitGroup
	for _, f := range []finder{table, newMDNS(a, key), newJoined(a, []peer.AddrInfo{ticketAddrs(b)})} {
		group.Go(func() { _ = f.Run(ctx, connect.found) }) // mDNS may not work here
	}
	group.Go(func() { _ = connect.Run(ctx) })
	eventually(t, func() bool { return a.knows(b) && b.knows(a) })
	flow(t, a, b, 100_000)
	cancel()
	group.Wait()
	for _, h := range hosts {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if got := h.conns().ConnsOpen; got != 0 {
			t.Errorf("%d connections are left", got)
		}
		for _, row := range h.sockets.Table() {
			if row.State != "closed" {
				t.Errorf("a socket is left: %+v", row)
			}
		}
	}
}

// TestAHostThatCanNotListenLeavesNothing: its first address works.
func TestAHostThatCanNotListenLeavesNothing(t *testing.T) {
	sockets := new(load.Sockets)
	_, _, err := newHost(hostConfig{
		Listen: addrsOf("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/192.0.2.1/tcp/0"),
		Key:    testKey("key"), Sockets: sockets, Meter: new(load.Meter),
	})
	if err == nil {
		t.Fatal("it listens on another machine's address")
	}
	for _, row := range sockets.Table() {
		if row.State != "closed" {
			t.Errorf("a socket is left: %+v", row)
		}
	}
	goleak.VerifyNone(t)
}
