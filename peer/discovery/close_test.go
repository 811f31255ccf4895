package discovery

import (
	"context"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/peer/p2phost"
)

// TestNothingIsLeftOfAHost: every part of it on, used, and closed.
func TestNothingIsLeftOfAHost(t *testing.T) {
	goleak.VerifyNone(t) // or it would not be ours
	for name, change := range map[string]func(*p2phost.Config){
		"loopback": func(*p2phost.Config) {},
		"private":  func(c *p2phost.Config) { c.Key = testKey(t, "key") },
		"world": func(c *p2phost.Config) {
			c.Listen = []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}
			c.Metrics = prometheus.NewRegistry()
		},
		"public": func(c *p2phost.Config) {
			c.Listen, c.Public = []string{"/ip4/0.0.0.0/tcp/0"}, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			lives(t, change)
			goleak.VerifyNone(t)
		})
	}
}

// lives has two hosts meet, find through all finders, and end.
func lives(t *testing.T, change func(*p2phost.Config)) {
	t.Helper()
	var hosts [2]testHost
	var key p2phost.NetworkKey
	for i := range hosts {
		cfg := p2phost.Config{Sockets: new(load.Sockets), Meter: new(load.Meter)}
		change(&cfg)
		key = cfg.Key
		h, err := p2phost.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = testHost{Host: h, meter: cfg.Meter, sockets: cfg.Sockets}
	}
	a, b := hosts[0], hosts[1]
	table := newDHT(a.Host, key, false)
	table.delay = 0
	table.have(content.ID{1})
	ctx, cancel := context.WithCancel(testContext(t))
	connect := newConnector(a.Host)
	var group sync.WaitGroup
	for _, f := range []finder{table, newMDNS(a.Host, key), newJoined(a.Host, []peer.AddrInfo{b.Where()})} {
		group.Go(func() { _ = f.Run(ctx, connect.found) }) // mDNS may not work here
	}
	group.Go(func() { connect.Run(ctx) })
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
