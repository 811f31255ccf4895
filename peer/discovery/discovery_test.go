package discovery

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/peer/p2phost"
)

func TestAJoinedNodeIsFoundAndFoundAgain(t *testing.T) {
	t.Parallel()
	a, b := startHost(t, nil), startHost(t, nil)
	seek(t, a, newJoined(a.Host, []peer.AddrInfo{b.whereabouts("")}))
	eventually(t, func() bool { return a.knows(b) && b.knows(a) })
	if err := b.Network().ClosePeer(a.ID()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !a.knows(b) || a.conns().ConnsTotal > 1 })
	eventually(t, func() bool { return a.knows(b) })
}

func TestANodeThatComesLaterWithAnotherAddressIsFound(t *testing.T) {
	a := startHost(t, nil)
	id, err := p2phost.LoadIdentity("")
	if err != nil {
		t.Fatal(err)
	}
	gone := peer.AddrInfo{ID: idOf(t, id), Addrs: addrsOf("/ip4/127.0.0.1/tcp/1")}
	j := newJoined(a.Host, []peer.AddrInfo{gone})
	c := seek(t, a, j)
	eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		p := c.known.peers[idOf(t, id)]
		return p != nil && p.failures > 0
	})
	b := startHost(t, func(cfg *p2phost.Config) { cfg.Identity = id })
	j.add([]peer.AddrInfo{b.whereabouts("")})
	eventually(t, func() bool { return a.knows(b) })
}

func TestPausesGrowAndBookkeepingIsBounded(t *testing.T) {
	now := time.Now()
	c := candidates{peers: make(map[peer.ID]*candidate)}
	one := peer.AddrInfo{ID: "one", Addrs: addrsOf("/ip4/203.0.113.7/tcp/1")}
	pause, tries := time.Duration(0), 0
	for range 12 {
		c.add(one, false, now)
		last := pause
		for pause = 0; len(c.next(now)) == 0; pause += 100 * time.Millisecond {
			now = now.Add(100 * time.Millisecond)
		}
		c.tried("one", errHungUp, now)
		tries++
		if pause < last-last/4-100*time.Millisecond || pause > dialPauses.Max*5/4+time.Second {
			t.Errorf("try %d after a pause of %v, the one before %v", tries, pause, last)
		}
	}
	if c.dialled != 0 {
		t.Errorf("%d dials are never ended", c.dialled)
	}
	for i := range 2 * maxCandidates {
		c.add(peer.AddrInfo{ID: peer.ID(strconv.Itoa(i)), Addrs: one.Addrs}, false, now)
	}
	if len(c.peers) > maxCandidates {
		t.Errorf("%d candidates are remembered", len(c.peers))
	}
	if n := len(c.next(now)); n > maxDials {
		t.Errorf("%d are dialled at once", n)
	}
}

// TestWhatIsSaidOfAConnectionThatEnds: a node is only suspected to be private that
// never said a word; and one that asks for a pause gets it.
func TestWhatIsSaidOfAConnectionThatEnds(t *testing.T) {
	for _, c := range []struct {
		ended error
		says  string
		pause time.Duration // at the least
	}{
		{nil, "is its mesh private?", 0},
		{errors.New("the connection with it ended"), "the connection with it ended", 0},
		{fault.FromCode(fault.Code(fault.Busy), "full", 8*time.Second), "full", 8 * time.Second},
		{fault.FromCode(fault.Code(fault.Busy), "full", 1000*time.Hour), "full", maxAsked},
	} {
		now := time.Now()
		k := &connector{known: candidates{peers: make(map[peer.ID]*candidate)}}
		one := peer.AddrInfo{ID: "one", Addrs: addrsOf("/ip4/203.0.113.7/tcp/1")}
		k.known.add(one, false, now)
		k.known.next(now)
		k.known.tried("one", nil, now)
		if c.ended != nil {
			k.ending("one", c.ended)
		}
		now = now.Add(time.Second)
		k.known.add(one, false, now) // it is found again
		if why := k.why(); !strings.Contains(why, c.says) || c.ended != nil && strings.Contains(why, "private") {
			t.Errorf("%v: %q", c.ended, why)
		}
		if p := k.known.peers["one"]; p.next.Sub(now) < c.pause || p.next.Sub(now) > max(c.pause, 10*time.Second) {
			t.Errorf("%v: dialled again after %v", c.ended, p.next.Sub(now))
		}
	}
}

// TestTheCrowdCanNotHaveAHostKnockedAt: a third one, of which ever new ids are
// told; while who is met in truth, and what the user knows, is dialled as ever.
func TestTheCrowdCanNotHaveAHostKnockedAt(t *testing.T) {
	now := time.Now()
	c := candidates{peers: make(map[peer.ID]*candidate)}
	victim, neighbour := addrsOf("/ip4/192.168.1.1/tcp/80", "/ip4/192.168.1.1/tcp/22"), addrsOf("/ip4/192.168.1.2/tcp/4001")
	knocks := func(addrs []ma.Multiaddr, told bool, err error) (n int) {
		for i := range 3000 {
			c.add(peer.AddrInfo{ID: peer.ID(strconv.Itoa(i) + addrs[0].String()), Addrs: addrs}, told, now)
			for _, info := range c.next(now) {
				c.tried(info.ID, err, now)
				n++
			}
			now = now.Add(vainTime / 6000)
		}
		return n
	}
	if n := knocks(neighbour, false, nil); n < 3000 { // before anybody has told anything
		t.Errorf("%d of 3000 that are there are met", n)
	}
	if n := knocks(victim, true, errHungUp); n != maxVain {
		t.Errorf("a host is dialled %d times, because others tell of it", n)
	}
	now = now.Add(vainTime)
	if n := knocks(neighbour, true, nil); n < 3000 {
		t.Errorf("%d of 3000 that are there are met", n)
	}
	if n := knocks(neighbour, false, errHungUp); n < 1000 {
		t.Errorf("of what was found otherwise %d are dialled", n)
	}
	n := 0
	c = candidates{peers: make(map[peer.ID]*candidate)}
	for i := range 1000 {
		n += knocksOnce(&c, addrsOf("/ip4/10.0."+strconv.Itoa(i/250)+"."+strconv.Itoa(i%250)+"/tcp/1"), now)
	}
	if n > maxVainHosts {
		t.Errorf("%d hosts are dialled, because others tell of them", n)
	}
}

func TestNodesAtDifferentHostsComeFirst(t *testing.T) {
	var all []peer.AddrInfo
	for i := range 40 {
		all = append(all, peer.AddrInfo{ID: peer.ID("crowd " + strconv.Itoa(i)), Addrs: addrsOf("/ip4/10.0.0.1/tcp/" + strconv.Itoa(1+i))})
	}
	for i := range 3 {
		all = append(all, peer.AddrInfo{ID: peer.ID("other " + strconv.Itoa(i)), Addrs: addrsOf("/ip4/10.0.1." + strconv.Itoa(i) + "/tcp/1")})
	}
	first := spread(all)[:4]
	for i, want := range []peer.ID{"crowd 0", "other 0", "other 1", "other 2"} {
		if first[i].ID != want {
			t.Errorf("%d: %s, not %s", i, first[i].ID, want)
		}
	}
}

// knocksOnce tells of a node, and returns whether it is dialled.
func knocksOnce(c *candidates, addrs []ma.Multiaddr, now time.Time) int {
	c.add(peer.AddrInfo{ID: peer.ID(addrs[0].String()), Addrs: addrs}, true, now)
	all := c.next(now)
	for _, info := range all {
		c.tried(info.ID, errHungUp, now)
	}
	return len(all)
}

func TestANodeThatIsNotFoundAgainIsGivenUp(t *testing.T) {
	now := time.Now()
	c := candidates{peers: make(map[peer.ID]*candidate)}
	c.add(peer.AddrInfo{ID: "one"}, false, now)
	tries := 0
	for range 3600 {
		if len(c.next(now)) > 0 {
			tries++
			c.tried("one", errHungUp, now)
		}
		now = now.Add(time.Second)
	}
	if tries != maxTries {
		t.Errorf("dialled %d times in an hour", tries)
	}
	c.add(peer.AddrInfo{ID: "one"}, false, now)
	if len(c.next(now)) != 1 {
		t.Error("found again, but not dialled")
	}
	c.tried("one", nil, now)
	if len(c.next(now.Add(time.Hour))) != 0 {
		t.Error("what is connected is dialled")
	}
}

func TestWhoHangsUpAtOnceIsNotDialledAgainAtOnce(t *testing.T) {
	now := time.Now()
	c := candidates{peers: make(map[peer.ID]*candidate)}
	connect := func() {
		for c.add(peer.AddrInfo{ID: "one"}, false, now); len(c.next(now)) == 0; c.add(peer.AddrInfo{ID: "one"}, false, now) {
			now = now.Add(100 * time.Millisecond)
		}
		c.tried("one", nil, now)
		now = now.Add(time.Second) // then the other side hangs up
	}
	start := now
	for range 8 {
		connect()
	}
	if took := now.Sub(start); took < time.Minute {
		t.Errorf("eight connections in %v with one who hangs up each time", took)
	}
	now = now.Add(goodTime) // the last one lasts
	start = now
	connect()
	if took := now.Sub(start); took > 2*time.Second {
		t.Errorf("a lost connection is tried again after %v", took)
	}
}

func TestItIsSaidWhyNobodyIsReached(t *testing.T) {
	h := startHost(t, func(c *p2phost.Config) { c.Key = testKey(t, "ours") })
	stranger := startHost(t, nil)
	id, err := p2phost.LoadIdentity("")
	if err != nil {
		t.Fatal(err)
	}
	for want, info := range map[string]peer.AddrInfo{
		"does it have the same one?": stranger.whereabouts("tcp"),
		"nobody listens at":          {ID: idOf(t, id), Addrs: addrsOf("/ip4/127.0.0.1/tcp/1")},
		"another node answers at":    {ID: idOf(t, id), Addrs: stranger.whereabouts("tcp").Addrs},
	} {
		c := newConnector(h.Host)
		ctx, cancel := context.WithCancel(testContext(t))
		done := make(chan error, 1)
		go func() { c.Run(ctx); done <- nil }()
		if c.why() != "" {
			t.Error("something went wrong before anything was tried")
		}
		c.found(info)
		eventually(t, func() bool { return strings.Contains(c.why(), want) })
		if t.Failed() {
			t.Logf("want %q, got %q", want, c.why())
		}
		cancel()
		<-done
		h.Peerstore().ClearAddrs(info.ID)
	}
}

// TestWhatIsTriedIsSaid while nobody has answered.
func TestWhatIsTriedIsSaid(t *testing.T) {
	c := newConnector(nil)
	c.known.add(peer.AddrInfo{ID: "one", Addrs: addrsOf("/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1")}, false, time.Now())
	c.known.next(time.Now())
	if why := c.why(); !strings.Contains(why, "no answer yet from /ip4/192.0.2.1/tcp/1, /ip4/192.0.2.2/tcp/1") {
		t.Error(why)
	}
}

// TestANodeThatStartsAgainIsMetSoon: at its old address, where it was dialled
// in vain meanwhile.
func TestANodeThatStartsAgainIsMetSoon(t *testing.T) {
	a := startHost(t, nil)
	id, err := p2phost.LoadIdentity("")
	if err != nil {
		t.Fatal(err)
	}
	before, err := p2phost.New(p2phost.Config{Identity: id, Sockets: new(load.Sockets), Meter: new(load.Meter), Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	at := before.Where().Addrs
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	c := seek(t, a, newJoined(a.Host, []peer.AddrInfo{{ID: idOf(t, id), Addrs: at}}))
	eventually(t, func() bool { return strings.Contains(c.why(), "nobody listens") })
	again := startHost(t, func(cfg *p2phost.Config) { cfg.Identity, cfg.Listen = id, []string{at[0].String()} })
	start := time.Now()
	eventually(t, func() bool { return a.knows(again) })
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestPeersAreToldOfWithAddressesOfUseThere(t *testing.T) {
	a, b, c := startHost(t, nil), startHost(t, nil), startHost(t, nil)
	meet(t, a, b, "tcp")
	meet(t, a, c, "quic-v1")
	told := New(a.Host, Config{}).Tellable(b.ID(), []peer.ID{b.ID(), c.ID(), a.ID()})
	if len(told) != 1 || told[0].ID != c.ID() || !strings.Contains(told[0].Addrs[0].String(), "quic-v1") {
		t.Fatalf("b is told of %v, want c at its QUIC address first", told)
	}
	kept := checkTold(b.Host, a.ID(), told)
	if len(kept) != 1 {
		t.Fatalf("b keeps %v", kept)
	}
	connect := newConnector(b.Host)
	run(t, running(connect))
	connect.found(kept[0])
	eventually(t, func() bool { return b.knows(c) })
}

func TestWhatPeersTellIsChecked(t *testing.T) {
	a, b := startHost(t, nil), startHost(t, nil)
	meet(t, a, b, "tcp")
	stranger := decodeID(t, "12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi")
	many := make([]peer.AddrInfo, 100)
	for i := range many {
		for n := range 20 {
			a := "/ip4/203.0.113.7/tcp/" + strconv.Itoa(100*i+n+1)
			many[i].Addrs = append(many[i].Addrs, ma.StringCast(a))
		}
		many[i].ID = stranger
	}
	kept := checkTold(a.Host, b.ID(), many)
	if len(kept) > maxTold || len(kept[0].Addrs) > 8 {
		t.Errorf("%d peers with %d addresses are kept", len(kept), len(kept[0].Addrs))
	}
	bad := []peer.AddrInfo{
		{ID: a.ID(), Addrs: addrsOf("/ip4/203.0.113.7/tcp/1")}, {ID: b.ID(), Addrs: addrsOf("/ip4/203.0.113.7/tcp/1")},
		{ID: "", Addrs: addrsOf("/ip4/203.0.113.7/tcp/1")}, {ID: stranger},
		{ID: stranger, Addrs: addrsOf("/ip4/203.0.113.7/tcp/0", "/ip4/0.0.0.0/tcp/1", "/unix/tmp/x")},
	}
	if kept := checkTold(a.Host, b.ID(), bad); len(kept) != 0 {
		t.Errorf("kept %v", kept)
	}
	named := peer.AddrInfo{ID: stranger, Addrs: addrsOf("/dns4/localhost/tcp/1", "/dns/example.org/udp/1/quic-v1", "/ip4/203.0.113.7/tcp/1")}
	if kept := checkTold(a.Host, b.ID(), []peer.AddrInfo{named}); len(kept) != 1 || len(kept[0].Addrs) != 1 {
		t.Errorf("of two names and an address %v are kept", kept)
	}
	New(a.Host, Config{}).Learn(b.ID(), named.Addrs)
	for _, addr := range a.Peerstore().Addrs(b.ID()) {
		if strings.Contains(addr.String(), "dns") {
			t.Errorf("%s is kept, as one that it says is its own", addr)
		}
	}
	near := peer.AddrInfo{ID: stranger, Addrs: addrsOf("/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1")}
	if kept := checkTold(a.Host, stranger, []peer.AddrInfo{near}); len(kept) != 0 {
		t.Errorf("one that is not connected is believed: %v", kept)
	}
}

// TestTheTableAloneFindsWhoHasAFile: five nodes, each of which knows only the
// one before, and nothing but the DHT between those who have and who want.
func TestTheTableAloneFindsWhoHasAFile(t *testing.T) {
	t.Parallel()
	var id content.ID
	id[0] = 7
	nodes := make([]testHost, 5)
	tables := make([]*dhtFinder, len(nodes))
	for i := range nodes {
		nodes[i] = startHost(t, func(c *p2phost.Config) { c.Key = testKey(t, "ours") })
		tables[i] = newDHT(nodes[i].Host, testKey(t, "ours"), false)
		tables[i].delay = 0
		if i > 0 {
			meet(t, nodes[i], nodes[i-1], "tcp")
		}
	}
	last := len(nodes) - 1
	tables[0].have(id)
	for _, table := range tables[1:] {
		table.want(id)
	}
	var mu sync.Mutex
	var found []peer.ID
	for i, table := range tables {
		run(t, func(ctx context.Context) error {
			return table.Run(ctx, func(info peer.AddrInfo) {
				mu.Lock()
				defer mu.Unlock()
				if i == last && len(info.Addrs) > 0 {
					found = append(found, info.ID)
				}
			})
		})
	}
	began := time.Now()
	eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(found, nodes[0].ID())
	})
	t.Logf("found after %v", time.Since(began))
	mu.Lock()
	defer mu.Unlock()
	for _, p := range found {
		if p != nodes[0].ID() {
			t.Errorf("%s is said to have what it only wants", p)
		}
	}
}

func TestTheTableIsNotStartedWithoutNeed(t *testing.T) {
	a, b := startHost(t, nil), startHost(t, nil)
	d := newDHT(a.Host, p2phost.NetworkKey{}, false)
	d.delay = 0
	run(t, func(ctx context.Context) error { return d.Run(ctx, func(peer.AddrInfo) {}) })
	meet(t, a, b, "tcp")
	speaks := func() bool { return slices.Contains(a.Mux().Protocols(), "/starmesh/kad/1.0.0") }
	if speaks() {
		t.Error("the DHT runs though nothing is had or wanted")
	}
	d.have(content.ID{1})
	eventually(t, speaks)
}

func TestWhatIsDueInTheTable(t *testing.T) {
	now := time.Now()
	d := newDHT(nil, p2phost.NetworkKey{}, false)
	one := content.ID{1}
	d.have(one)
	d.want(one)
	check := func(when string, after time.Duration, nodes, provides, finds int) {
		t.Helper()
		for _, work := range d.due(now.Add(after), nodes) {
			if work.provide {
				provides--
			} else {
				finds--
			}
		}
		if provides != 0 || finds != 0 {
			t.Errorf("%s: %d announcements and %d searches too few", when, provides, finds)
		}
	}
	check("at first", 0, 0, 1, 1)
	d.done(dhtWork{one, true}, 0, true, now)
	d.done(dhtWork{one, false}, 0, false, now)
	check("at once again", 0, 0, 0, 0)
	check("nobody has heard", dhtPauses.First, 0, 1, 1)
	d.done(dhtWork{one, true}, 3, true, now)
	d.done(dhtWork{one, false}, 3, false, now)
	check("a little later", dhtPauses.Max, 3, 0, 1)
	check("much later", provideEvery, 3, 1, 1)
	check("with more nodes, at once", 0, 6, 0, 0)
	check("with more nodes", dhtPauses.First, 5, 0, 0)
	check("with twice as many nodes", dhtPauses.First, 6, 1, 1)
	d.found(one)
	check("once enough are found", provideEvery, 3, 1, 0)
	d.drop(one)
	d.done(dhtWork{one, true}, 3, true, now) // it was under way
	check("after it was dropped", provideEvery, 3, 0, 0)
}

func TestAPrivateMeshIsNotLookedForInPublic(t *testing.T) {
	cfg := Config{Key: testKey(t, "key"), Ways: Ways{PublicDHT: true}}
	if err := cfg.Check(); !errors.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}

func TestInnerHostsAreOfUseNearby(t *testing.T) {
	a, b := startHost(t, nil), startHost(t, nil)
	meet(t, a, b, "tcp")
	stranger := decodeID(t, "12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi") // far away, for all that is known
	d := New(a.Host, Config{})
	for host, public := range map[string]bool{
		"127.0.0.1": false, "LocalHost": false, "::1": false, "192.168.1.2": false, "fe80::1": false, "::ffff:10.0.0.1": false,
		"203.0.113.7": true, "2001:db8::1": true, "files.example.org": true,
	} {
		if d.Near(stranger, host) != public {
			t.Errorf("%s: a stranger is told: %v", host, !public)
		}
		if !d.Near(b.ID(), host) {
			t.Errorf("%s is not told to a node of this machine", host)
		}
	}
}

// TestMergingLeavesWhatWasToldAlone: whoever dials has the addresses still.
func TestMergingLeavesWhatWasToldAlone(t *testing.T) {
	id := decodeID(t, "12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi")
	at := func(n int) ma.Multiaddr { return ma.StringCast("/ip4/203.0.113.7/tcp/" + strconv.Itoa(n)) }
	told := append(make([]ma.Multiaddr, 0, 8), at(9), at(1))
	all := mergePeers([]peer.AddrInfo{{ID: id, Addrs: told}}, []peer.AddrInfo{{ID: id, Addrs: []ma.Multiaddr{at(1), at(5)}}})
	if len(all) != 1 || len(all[0].Addrs) != 3 {
		t.Errorf("merged to %v", all)
	}
	if !told[0].Equal(at(9)) || !told[1].Equal(at(1)) || told[:3][2] != nil {
		t.Errorf("what was told is %v now", told[:3])
	}
}
