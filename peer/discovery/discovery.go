package discovery

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/trace"
	"starmesh/common/unanswered"
	"starmesh/peer/p2phost"
)

// Config says how nodes are found; with the zero value only those that are met
// or told of.
type Config struct {
	Join []peer.AddrInfo // nodes to begin with
	Ways Ways
	Key  p2phost.NetworkKey // the zero value: an open mesh
	Log  *slog.Logger
	Slow *unanswered.Teller // of nodes that do not answer yet, while none has; nil: nobody
	// Trace is told of each dial, and why one fails; nil: nobody is.
	Trace *trace.Trace
}

// Ways are those in which nodes are found that nobody has told of.
type Ways struct {
	MDNS      bool // on the local network, where this node is to be found then, too
	Machine   bool // in a folder where the nodes of one user on one machine tell of themselves
	DHT       bool // through a table kept by the nodes themselves
	PublicDHT bool // … and by those of the public one
}

// Check fails with fault.Invalid when a private mesh is to be looked for in
// public.
func (c Config) Check() error {
	if c.Ways.PublicDHT && c.Key.Tag() != "" {
		return fault.Wrapf(fault.Invalid, "a mesh with a network key is not looked for in the public table")
	}
	return nil
}

// Discovery is all ways in which one host finds others. Its methods may be
// called from several goroutines; none of them blocks but Run.
type Discovery struct {
	host      *p2phost.Host
	connector *connector
	joined    *joined
	table     *dhtFinder // nil: none
	finders   map[string]finder
	log       *slog.Logger
}

// New makes the finders that cfg asks for.
func New(h *p2phost.Host, cfg Config) *Discovery {
	d := &Discovery{host: h, connector: newConnector(h), joined: newJoined(h, cfg.Join), log: cfg.Log}
	d.connector.slow, d.connector.trace = cfg.Slow, cfg.Trace
	d.finders = map[string]finder{"join": d.joined, "moved": newMoved(h)}
	if cfg.Ways.MDNS {
		d.finders["mdns"] = newMDNS(h, cfg.Key)
	}
	if cfg.Ways.Machine {
		d.finders["machine"] = newMachine(h)
	}
	if cfg.Ways.DHT || cfg.Ways.PublicDHT {
		d.table = newDHT(h, cfg.Key, cfg.Ways.PublicDHT)
		d.finders["dht"] = d.table
	}
	return d
}

// Run finds and dials nodes until ctx ends and all that it has started has.
// That one way does not work here is logged, and no reason to end.
func (d *Discovery) Run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { d.connector.Run(ctx) })
	for name, f := range d.finders {
		group.Go(func() {
			if err := f.Run(ctx, d.connector.found); err != nil && !errors.Is(err, context.Canceled) {
				d.log.Warn("finding nodes", "way", name, "error", err)
			}
		})
	}
	group.Wait()
}

// Meet has the given nodes dialled now, and again whenever they are lost.
func (d *Discovery) Meet(peers ...peer.AddrInfo) {
	for _, p := range peers {
		d.connector.found(p)
	}
	d.joined.add(peers)
}

// Have announces that this node has a file, in whole or in part, until Drop.
func (d *Discovery) Have(id content.ID) {
	if d.table != nil {
		d.table.have(id)
	}
}

// Want looks for who has a file, at once and then less and less often, until
// Enough or Drop.
func (d *Discovery) Want(id content.ID) {
	if d.table != nil {
		d.table.want(id)
	}
}

// Enough ends the search for who has a file.
func (d *Discovery) Enough(id content.ID) {
	if d.table != nil {
		d.table.found(id)
	}
}

// Drop ends both what Have and what Want has begun.
func (d *Discovery) Drop(id content.ID) {
	if d.table != nil {
		d.table.drop(id)
	}
}

// Ending takes note of what is to be said of a connected node when its connection
// ends, in place of a guess. It is not dialled again before fault.RetryAfter(why),
// within bounds.
func (d *Discovery) Ending(of peer.ID, why error) { d.connector.ending(of, why) }

// Unreached returns how many nodes that were found have not answered.
func (d *Discovery) Unreached() int { return d.connector.unreached() }

// Why says, for people, why nodes that were found are not connected: one line
// for each, a few at most; "" when there is nothing to say.
func (d *Discovery) Why() string { return d.connector.why() }
