package peer

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/peer/scheduler"
)

// Config is how a Node lives; the zero value is a node that only tickets lead
// to others, on this machine.
type Config struct {
	Identity Identity   // the zero value: a new one
	Listen   []string   // multiaddrs; none: a free TCP and a free UDP port of the loopback
	Join     []string   // multiaddrs with /p2p/, or tickets: nodes to begin with
	Allow    []string   // peer ids; none: everybody
	Key      NetworkKey // the zero value: an open mesh

	MDNS      bool // find nodes on the local network, and be found
	DHT       bool // find nodes through a table kept by the nodes themselves
	PublicDHT bool // … and by those of the public one
	Public    bool // the operator says that others can reach this node
	TakeOnly  bool // offer others no chunk, ever: a free rider

	Limits  rate.Limits
	Meter   *load.Meter
	Sockets *load.Sockets
	Metrics prometheus.Registerer // nil: libp2p keeps none
	Log     *slog.Logger          // nil: silent
	Trace   io.Writer             // a line for every connection, stream and message; nil: none
	Agent   string                // program and version, told to others
}

func (c Config) withDefaults() Config {
	c.Meter = cmp.Or(c.Meter, new(load.Meter))
	c.Sockets = cmp.Or(c.Sockets, new(load.Sockets))
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// tickEvery is how often swarms look for what has become late.
const tickEvery = 100 * time.Millisecond

// sameTime is within what two nodes that find each other dial each other.
const sameTime = 2 * time.Second

// Node is one of equals: it shares files and fetches them, at the same time.
// Its other methods may be called, from several goroutines, while Run runs.
type Node struct {
	cfg       Config
	starting  hostConfig
	join      []peer.AddrInfo
	meter     *load.Meter
	trace     *trace
	host      host.Host
	wire      *wire
	key       scheduler.ID
	connector *connector
	joining   *joined
	dht       *dhtFinder // nil: none

	running  sync.WaitGroup // links and questions
	settling atomic.Bool    // nothing is offered any more
	settled  atomic.Bool    // … and nothing waited for

	mu      sync.Mutex // guards the fields below
	ctx     context.Context
	links   map[peer.ID]*link
	linked  chan struct{} // closed when links has grown
	swarms  map[content.ID]*swarm
	folders map[content.ID]int64 // of manifests: the size of all files
	topics  topic
	bad     map[peer.ID]error // sent what was wrong
}

// New makes a node. It fails with fault.Invalid when an address or id in cfg
// is none, and says what the right form is, and when a private mesh is to be
// looked for in public.
func New(cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	listen, err1 := parseListen(cfg.Listen)
	join, err2 := parseJoin(cfg.Join)
	allow, err3 := parseAllow(cfg.Allow)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if cfg.PublicDHT && cfg.Key.set {
		return nil, fault.Wrapf(fault.Invalid, "a mesh with a network key is not looked for in the public table")
	}
	return &Node{
		cfg: cfg, join: join, meter: cfg.Meter, trace: newTrace(cfg.Trace),
		starting: hostConfig{
			Identity: cfg.Identity, Listen: listen, Allow: allow, Key: cfg.Key, Limits: cfg.Limits,
			Public: cfg.Public, Sockets: cfg.Sockets, Meter: cfg.Meter, Metrics: cfg.Metrics, Log: cfg.Log,
		},
		links: map[peer.ID]*link{}, linked: make(chan struct{}), swarms: map[content.ID]*swarm{},
		folders: map[content.ID]int64{}, bad: map[peer.ID]error{},
	}, nil
}

// Run lives as a node while work runs: work is called once the node listens,
// and when it returns the node leaves and Run gives its error. By then all
// goroutines have ended. The end of ctx is for work to heed: until it returns
// others are still served, so that it can Settle. Run is called once. It fails
// with fault.InUse while another node has the identity.
func (n *Node) Run(ctx context.Context, work func(context.Context) error) error {
	release, err := n.cfg.Identity.hold()
	if err != nil {
		return err
	}
	defer release()
	if n.host, n.wire, err = newHost(n.starting); err != nil {
		return err
	}
	n.key = keyOf(n.host.ID())
	asked := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	n.ctx = ctx
	n.connector = newConnector(n.host)
	n.connector.private = perhapsBehindNAT(n.starting.Listen, n.starting.Public)
	n.joining = newJoined(n.host, n.join)
	var group sync.WaitGroup
	group.Go(func() { n.warn("connector", n.connector.Run(ctx)) })
	group.Go(func() { n.ticks(ctx) })
	n.listen()
	n.find(ctx, &group)
	err = work(asked)
	cancel()
	n.leave()
	err = errors.Join(err, n.host.Close())
	n.running.Wait()
	group.Wait()
	return err
}

// find starts all finders that cfg asks for.
func (n *Node) find(ctx context.Context, group *sync.WaitGroup) {
	finders := map[string]finder{"join": n.joining, "moved": newMoved(n.host)}
	if n.cfg.MDNS {
		finders["mdns"] = newMDNS(n.host, n.cfg.Key)
	}
	if n.cfg.DHT || n.cfg.PublicDHT {
		n.dht = newDHT(n.host, n.cfg.Key, n.cfg.PublicDHT)
		finders["dht"] = n.dht
	}
	for name, f := range finders {
		group.Go(func() { n.warn(name, f.Run(ctx, n.connector.found)) })
	}
}

func (n *Node) warn(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		n.cfg.Log.Warn("finding nodes", "way", what, "error", err)
	}
}

// keyOf gives a node's number in the scheduler.
func keyOf(id peer.ID) scheduler.ID {
	sum := blake3.Sum256([]byte(id))
	return scheduler.ID(binary.LittleEndian.Uint64(sum[:]))
}

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.host.ID() }

// ticks lets all swarms look at the clock.
func (n *Node) ticks(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, s := range n.allSwarms() {
				s.tick(now)
			}
		}
	}
}

func (n *Node) allSwarms() []*swarm {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*swarm, 0, len(n.swarms))
	for _, s := range n.swarms {
		all = append(all, s)
	}
	return all
}

func (n *Node) swarm(id content.ID) *swarm {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.swarms[id]
}

func (n *Node) allLinks() []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*link, 0, len(n.links))
	for _, l := range n.links {
		all = append(all, l)
	}
	return all
}

// listen takes connections up.
func (n *Node) listen() {
	n.host.SetStreamHandler(protoLink, direct(n.accept))
	n.host.SetStreamHandler(protoData, direct(n.takeChunks))
	n.host.SetStreamHandler(protoAsk, direct(n.answerQuestion))
	n.host.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			n.trace.conn("opened", c)
			if dialled(c) && !c.Stat().Limited {
				n.start(func() { n.open(c) })
			}
		},
		DisconnectedF: func(_ network.Network, c network.Conn) { n.trace.conn("closed", c) },
	})
}

// start runs do, unless the node is leaving.
func (n *Node) start(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() == nil {
		n.running.Go(do)
	}
}

// open makes a link over a connection that this node has dialled.
func (n *Node) open(c network.Conn) {
	s, err := openStream(n.ctx, c, protoLink)
	if err != nil {
		n.cfg.Log.Debug("no link", "peer", c.RemotePeer(), "error", err)
		return
	}
	n.trace.stream("opened", s, string(protoLink))
	n.serve(c, s)
}

// accept makes a link over a stream that another node has opened.
func (n *Node) accept(s network.Stream) {
	n.trace.stream("taken up", s, string(protoLink))
	n.start(func() { n.serve(s.Conn(), s) })
}

// serve runs a link until it ends.
func (n *Node) serve(c network.Conn, s network.Stream) {
	ctx, cancel := context.WithCancelCause(n.ctx)
	defer cancel(nil)
	l := &link{
		since: time.Now(),
		node:  n, peer: c.RemotePeer(), key: keyOf(c.RemotePeer()), conn: c, control: s,
		remote: n.meter.Remote(c.RemotePeer().String()),
		cancel: cancel,
		jobs:   make(chan job, mostJobs),
		files:  newMembership(),
	}
	l.out.wake = make(chan struct{}, 1)
	l.post(hello{Version: version, Agent: n.cfg.Agent, Addrs: ownAddrs(n.host)})
	err := n.add(l)
	if err == nil {
		err = l.run(ctx)
		n.remove(l)
		l.quitAll(nil)
	} else {
		n.remove(l)
		l.farewell(err)
		_ = s.Close()
	}
	n.judge(l, err)
	if !n.linkedOver(c) { // a connection without a link would keep a new one from being made
		_ = c.Close()
	}
}

// linkedOver tells whether there is a link over a connection.
func (n *Node) linkedOver(c network.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[c.RemotePeer()]
	return l != nil && l.conn.ID() == c.ID()
}

// judge remembers who sent what was wrong: it is not spoken with again.
func (n *Node) judge(l *link, err error) {
	guilty := errors.Is(err, fault.Corrupt) || errors.Is(err, fault.Protocol) || errors.Is(err, fault.TooLarge)
	if !guilty {
		n.cfg.Log.Debug("link ended", "peer", l.peer, "why", err)
		return
	}
	n.meter.ChunksBad.Add(boolToInt(errors.Is(err, fault.Corrupt)))
	n.cfg.Log.Warn("a node is cut off", "peer", l.peer, "why", err)
	n.mu.Lock()
	n.bad[l.peer] = err
	n.mu.Unlock()
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// add enters a link. Of two links between the same nodes that are dialled at
// the same time, the one dialled by the smaller id stays: both sides see that
// alike. One that is dialled again later replaces what is left of the first.
func (n *Node) add(l *link) error {
	n.mu.Lock()
	if err := n.bad[l.peer]; err != nil {
		n.mu.Unlock()
		return fault.Wrapf(fault.Refused, "not again, after: %v", err)
	}
	if old := n.links[l.peer]; old != nil {
		if l.since.Sub(old.since) < sameTime && n.dialler(old) <= n.dialler(l) {
			n.mu.Unlock()
			return fault.Wrapf(fault.Closed, "linked already")
		}
		defer old.fail(fault.Wrapf(fault.Closed, "another link takes its place"))
	}
	n.links[l.peer] = l
	close(n.linked)
	n.linked = make(chan struct{})
	n.mu.Unlock()
	for _, s := range n.allSwarms() {
		if s.fetching() {
			if err := l.join(s); err != nil {
				return fmt.Errorf("join: %w", err)
			}
		}
	}
	return nil
}

func (n *Node) dialler(l *link) peer.ID {
	if dialled(l.conn) {
		return n.host.ID()
	}
	return l.peer
}

func (n *Node) remove(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links[l.peer] == l {
		delete(n.links, l.peer)
	}
}

// takeChunks reads the chunks that a linked node sends.
func (n *Node) takeChunks(s network.Stream) {
	n.trace.stream("taken up", s, string(protoData))
	n.start(func() {
		defer s.Reset()
		n.mu.Lock()
		l := n.links[s.Conn().RemotePeer()]
		n.mu.Unlock()
		if l == nil {
			return
		}
		if l.receiving.Swap(true) {
			l.fail(fault.Wrapf(fault.Protocol, "a second stream of chunks"))
			return
		}
		stop := context.AfterFunc(n.ctx, func() { _ = s.Reset() })
		defer stop()
		l.fail(l.readChunks(s))
	})
}

// leave tells all linked nodes.
func (n *Node) leave() {
	for _, l := range n.allLinks() {
		l.fail(fault.Wrapf(fault.Closed, "the node leaves"))
	}
}
