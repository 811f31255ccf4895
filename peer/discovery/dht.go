package discovery

import (
	"context"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	mh "github.com/multiformats/go-multihash"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/retry"
	"starmesh/peer/p2phost"
)

// dhtFinder finds through a Kademlia table that the nodes keep among
// themselves (Maymounkov & Mazières 2002): who has a file is written at the
// nodes whose ids are nearest to the file's.
//
// It takes some 110 goroutines and some CPU, so it starts only when there is
// something to announce or to look for, somebody to ask, and dhtDelay has
// passed: who finds everybody in another way at once has ended by then.
type dhtFinder struct {
	host   *p2phost.Host
	prefix protocol.ID
	public bool
	delay  time.Duration

	mu      sync.Mutex
	topics  map[content.ID]*dhtTopic
	changed chan struct{} // has room for one
}

// dhtTopic is what is to be done about one file.
type dhtTopic struct {
	have, want    bool
	provide, find dhtTurn
}

// A dhtTurn says when something is to be done next; for that it knows when, and
// among how many nodes, it was done last.
type dhtTurn struct {
	last, next time.Time
	tries      int // in vain
	nodes      int // in the table then
}

// due returns whether it is the turn: also when the table has twice as many
// nodes as last time, for then it was done among too few.
func (t dhtTurn) due(now time.Time, nodes int) bool {
	return !now.Before(t.next) || nodes >= 2*max(t.nodes, 1) && now.Sub(t.last) >= dhtPauses.First
}

// took notes that it was done, and how long not to do it again; in vain, for
// twice as long each time.
func (t *dhtTurn) took(now time.Time, nodes int, pause time.Duration, vain bool) {
	if vain {
		t.tries++
		pause = dhtPauses.Pause(t.tries)
	} else {
		t.tries = 0
	}
	t.last, t.next, t.nodes = now, now.Add(pause), nodes
}

const (
	dhtDelay = 2 * time.Second
	// What was announced is announced again after provideEvery: those who keep
	// it come and go.
	provideEvery = 10 * time.Minute
	dhtQueryTime = 30 * time.Second
	// maxProviders is how many are asked for at a time.
	maxProviders = 20
)

// dhtPauses are those after something was done in vain.
var dhtPauses = retry.Backoff{First: time.Second, Max: 30 * time.Second}

// newDHT makes a finder among starmesh nodes; of a private mesh among those
// that have its key. With public it asks the public table of IPFS as well,
// and tells it what this node has.
func newDHT(h *p2phost.Host, key p2phost.NetworkKey, public bool) *dhtFinder {
	d := &dhtFinder{
		host: h, prefix: "/starmesh", public: public, delay: dhtDelay,
		topics: make(map[content.ID]*dhtTopic), changed: make(chan struct{}, 1),
	}
	if tag := key.Tag(); tag != "" {
		d.prefix += protocol.ID("/" + tag)
		d.public = false // nobody there has the key
	}
	return d
}

// have announces id, from now until drop.
func (d *dhtFinder) have(id content.ID) { d.change(id, func(t *dhtTopic) { t.have = true }) }

// want looks for id, at once and then less and less often, until found or drop.
func (d *dhtFinder) want(id content.ID) {
	d.change(id, func(t *dhtTopic) {
		if !t.want {
			t.want, t.find = true, dhtTurn{}
		}
	})
}

// found ends the search for id: there are enough who have it.
func (d *dhtFinder) found(id content.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.topics[id]; t != nil {
		t.want = false
	}
}

// drop ends both.
func (d *dhtFinder) drop(id content.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.topics, id)
}

func (d *dhtFinder) change(id content.ID, do func(*dhtTopic)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.topics[id]
	if t == nil {
		t = &dhtTopic{}
		d.topics[id] = t
	}
	do(t)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Run takes part in the table, announces and looks for files, until ctx ends.
func (d *dhtFinder) Run(ctx context.Context, found func(peer.AddrInfo)) error {
	if !d.needed(ctx) {
		return nil
	}
	tables, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, table := range tables {
			_ = table.Close() // it only stops its own goroutines
		}
	}()
	tick := time.NewTicker(dhtPauses.First / 2)
	defer tick.Stop()
	for {
		nodes := 0
		for _, table := range tables {
			nodes += table.RoutingTable().Size()
		}
		for _, work := range d.due(time.Now(), nodes) {
			d.done(work, nodes, d.do(ctx, tables, work, found), time.Now())
		}
		select {
		case <-d.changed:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// needed waits until the table is of use; not if ctx ends before.
func (d *dhtFinder) needed(ctx context.Context) bool {
	select {
	case <-time.After(d.delay):
	case <-ctx.Done():
		return false
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		d.mu.Lock()
		busy := len(d.topics) > 0
		d.mu.Unlock()
		if busy && (d.public || len(d.host.Network().Peers()) > 0) {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// open starts the nodes' own table and, if asked to, the public one, in which
// this node is only a client.
func (d *dhtFinder) open(ctx context.Context) ([]*dht.IpfsDHT, error) {
	own, err := dht.New(ctx, d.host, dht.Mode(dht.ModeServer), dht.ProtocolPrefix(d.prefix), dht.DisableValues())
	if err != nil {
		return nil, fault.Wrapf(fault.Internal, "the DHT did not start: %w", err)
	}
	tables := []*dht.IpfsDHT{own}
	if !d.public {
		return tables, nil
	}
	public, err := dht.New(ctx, d.host, dht.Mode(dht.ModeClient), dht.BootstrapPeers(dht.GetDefaultBootstrapPeerAddrInfos()...))
	if err == nil {
		err = public.Bootstrap(ctx)
	}
	if err != nil {
		_ = own.Close() // the first error matters
		return nil, fault.Wrapf(fault.Internal, "the public DHT did not start: %w", err)
	}
	return append(tables, public), nil
}

// dhtWork is one thing to do.
type dhtWork struct {
	id      content.ID
	provide bool // else find
}

// due returns what is to be done now, with so many nodes in the table.
func (d *dhtFinder) due(now time.Time, nodes int) []dhtWork {
	d.mu.Lock()
	defer d.mu.Unlock()
	var work []dhtWork
	for id, t := range d.topics {
		if t.have && t.provide.due(now, nodes) {
			work = append(work, dhtWork{id, true})
		}
		if t.want && t.find.due(now, nodes) {
			work = append(work, dhtWork{id, false})
		}
	}
	return work
}

// do announces or looks for one file, and tells whether it was announced.
// Failures are normal (nobody is in the table yet) and tried again.
func (d *dhtFinder) do(ctx context.Context, tables []*dht.IpfsDHT, work dhtWork, found func(peer.AddrInfo)) (announced bool) {
	ctx, cancel := context.WithTimeout(ctx, dhtQueryTime)
	defer cancel()
	key, err := cidOf(work.id)
	if err != nil {
		return false // no id has another length
	}
	for _, table := range tables {
		if work.provide {
			announced = table.Provide(ctx, key, true) == nil || announced
			continue
		}
		for info := range table.FindProvidersAsync(ctx, key, maxProviders) {
			if info.ID != d.host.ID() {
				found(d.host.FromTable(info))
			}
		}
	}
	return announced
}

// done notes when work is due again. What is looked for is looked for until
// it is dropped. Announced with nobody in the table, nobody has heard of it.
func (d *dhtFinder) done(work dhtWork, nodes int, announced bool, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.topics[work.id]
	switch {
	case t == nil: // dropped meanwhile
	case work.provide:
		t.provide.took(now, nodes, provideEvery, !announced || nodes == 0)
	default:
		t.find.took(now, nodes, 0, true)
	}
}

// cidOf names a file as IPFS would name a raw block with this BLAKE3 hash.
func cidOf(id content.ID) (cid.Cid, error) {
	hash, err := mh.Encode(id[:], mh.BLAKE3)
	if err != nil {
		return cid.Undef, err
	}
	return cid.NewCidV1(cid.Raw, hash), nil
}
