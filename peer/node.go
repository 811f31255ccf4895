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

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/peer/discovery"
	"starmesh/peer/p2phost"
	"starmesh/peer/scheduler"
)

// Config is how a Node lives; the zero value is a node that only tickets lead
// to others, on this machine.
type Config struct {
	Identity p2phost.Identity   // the zero value: a new one
	Listen   []string           // multiaddrs; none: a free TCP and a free UDP port of the loopback
	Join     []string           // multiaddrs with /p2p/, or tickets: nodes to begin with
	Allow    []string           // peer ids; none: everybody
	Key      p2phost.NetworkKey // the zero value: an open mesh

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
	cfg    Config
	join   []peer.AddrInfo
	meter  *load.Meter
	trace  *trace
	host   *p2phost.Host
	found  *discovery.Discovery
	self   peer.ID
	key    scheduler.ID
	places places
	table  table

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
	join, err := parseJoin(cfg.Join)
	if err := errors.Join(cfg.host().Check(), err, cfg.discovery(join).Check()); err != nil {
		return nil, err
	}
	return &Node{
		cfg: cfg, join: join, meter: cfg.Meter, trace: newTrace(cfg.Trace),
		links: map[peer.ID]*link{}, linked: make(chan struct{}), swarms: map[content.ID]*swarm{},
		folders: map[content.ID]int64{}, bad: map[peer.ID]error{},
	}, nil
}

func (c Config) host() p2phost.Config {
	return p2phost.Config{
		Identity: c.Identity, Listen: c.Listen, Allow: c.Allow, Key: c.Key, Limits: c.Limits,
		Public: c.Public, Sockets: c.Sockets, Meter: c.Meter, Metrics: c.Metrics, Log: c.Log,
	}
}

func (c Config) discovery(join []peer.AddrInfo) discovery.Config {
	return discovery.Config{Join: join, Key: c.Key, MDNS: c.MDNS, DHT: c.DHT, PublicDHT: c.PublicDHT, Log: c.Log}
}

// Run lives as a node while work runs: work is called once the node listens,
// and when it returns the node leaves and Run returns its error. By then all
// goroutines have ended. The end of ctx is for work to heed: until it returns
// others are still served, so that it can Settle. Run is called once. It fails
// with fault.InUse while another node has the identity.
func (n *Node) Run(ctx context.Context, work func(context.Context) error) error {
	h, err := p2phost.New(n.cfg.host())
	if err != nil {
		return err
	}
	n.host, n.self, n.key = h, h.ID(), keyOf(h.ID())
	n.found = discovery.New(h, n.cfg.discovery(n.join))
	n.places, n.table = n.found, n.found
	asked := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	n.ctx = ctx
	var group sync.WaitGroup
	group.Go(func() { n.ticks(ctx) })
	n.listen()
	group.Go(func() { n.found.Run(ctx) })
	err = work(asked)
	cancel()
	n.leave()
	err = errors.Join(err, h.Close())
	n.running.Wait()
	group.Wait()
	return err
}

// listen takes connections and streams up.
func (n *Node) listen() {
	handle := func(proto string, accept func(conn, stream)) {
		n.host.Handle(proto, func(c p2phost.Conn, s *p2phost.Stream) { accept(hostConn{c}, s) })
	}
	handle(protoLink, n.accept)
	handle(protoData, n.takeChunks)
	handle(protoAsk, n.answerQuestion)
	n.host.Watch(func(c p2phost.Conn) {
		n.trace.conn("opened", c.Remote(), c)
		if c.Dialled() && !c.Relayed() {
			n.start(func() { n.open(hostConn{c}) })
		}
	}, func(c p2phost.Conn) { n.trace.conn("closed", c.Remote(), c) })
}

// hostConn is a host's connection, on which only chunks are bulk.
type hostConn struct{ p2phost.Conn }

func (c hostConn) Open(ctx context.Context, proto string) (stream, error) {
	s, err := c.Conn.Open(ctx, proto, proto == protoData)
	if err != nil {
		return nil, err // not a nil *Stream in an interface
	}
	return s, nil
}

// where is how others reach the node.
func (n *Node) where() peer.AddrInfo { return n.host.Where() }

// unreached says why nodes could not be reached, to be put behind a message:
// they are often the ones that have what is missing.
func (n *Node) unreached() string {
	if why := n.found.Why(); why != "" {
		return "\n" + why
	}
	return ""
}

// keyOf gives a node's number in the scheduler.
func keyOf(id peer.ID) scheduler.ID {
	sum := blake3.Sum256([]byte(id))
	return scheduler.ID(binary.LittleEndian.Uint64(sum[:]))
}

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.self }

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

// start runs do, unless the node is leaving.
func (n *Node) start(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() == nil {
		n.running.Go(do)
	}
}

// open makes a link over a connection that this node has dialled.
func (n *Node) open(c conn) {
	s, err := c.Open(n.ctx, protoLink)
	if err != nil {
		n.cfg.Log.Debug("no link", "peer", c.Remote(), "error", err)
		return
	}
	n.trace.stream("opened", c.Remote(), protoLink)
	n.serve(c, s)
}

// accept makes a link over a stream that another node has opened.
func (n *Node) accept(c conn, s stream) {
	n.trace.stream("taken up", c.Remote(), protoLink)
	n.start(func() { n.serve(c, s) })
}

// serve runs a link until it ends.
func (n *Node) serve(c conn, s stream) {
	ctx, cancel := context.WithCancelCause(n.ctx)
	defer cancel(nil)
	l := &link{
		since: time.Now(),
		node:  n, peer: c.Remote(), key: keyOf(c.Remote()), conn: c, control: s,
		remote: n.meter.Remote(c.Remote().String()),
		cancel: cancel,
		jobs:   make(chan job, mostJobs),
		files:  newMembership(),
	}
	l.out.wake = make(chan struct{}, 1)
	l.post(hello{Version: version, Agent: n.cfg.Agent, Addrs: n.places.Own()})
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
func (n *Node) linkedOver(c conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[c.Remote()]
	return l != nil && l.conn == c
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
		return fault.Wrapf(fault.Refused, "not again, after: %w", err)
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
	if l.conn.Dialled() {
		return n.self
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
func (n *Node) takeChunks(c conn, s stream) {
	n.trace.stream("taken up", c.Remote(), protoData)
	n.start(func() {
		defer s.Reset()
		n.mu.Lock()
		l := n.links[c.Remote()]
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
