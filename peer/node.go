package peer

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"lukechampine.com/blake3"

	"starmesh/common/load"
	"starmesh/common/retry"
	"starmesh/common/trace"
	"starmesh/common/unanswered"
	"starmesh/peer/discovery"
	"starmesh/peer/p2phost"
	"starmesh/peer/scheduler"
)

// Config is how a Node lives; the zero value is a node that only tickets lead
// to others, on this machine.
type Config struct {
	p2phost.Config // how it is reached; its Meter, Sockets and Log may be nil

	Join     []string           // multiaddrs with /p2p/, or tickets: nodes to begin with
	Ways     discovery.Ways     // how else others are found
	TakeOnly bool               // offer others no chunk, ever: a free rider
	Trace    io.Writer          // a line for every connection, stream and message; nil: none
	Slow     *unanswered.Teller // of nodes that do not answer yet, while none has; nil: nobody
	Agent    string             // program and version, told to others
}

func (c Config) withDefaults() Config {
	c.Meter = cmp.Or(c.Meter, new(load.Meter))
	c.Sockets = cmp.Or(c.Sockets, new(load.Sockets))
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// tickTime is how often swarms look for what has become late.
const tickTime = 100 * time.Millisecond

// Node is one of equals: it shares files and fetches them, at the same time.
// Its other methods may be called, from several goroutines, while Run runs.
type Node struct {
	cfg    Config
	join   []peer.AddrInfo
	trace  steps
	host   *p2phost.Host
	found  *discovery.Discovery
	self   remote // this node, as others see it
	around neighbourhood

	life     life
	expects  atomic.Bool // it knows of other nodes, which are to be met
	links    links
	shelf    shelf
	givers   *scheduler.Reputation // what was promised here, and kept
	settling settling
}

// New makes a node. It fails with fault.Invalid when an address or id in cfg
// is none, and says what the right form is, and when a private mesh is to be
// looked for in public.
func New(cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	join, err := parseJoin(cfg.Join)
	if err := errors.Join(cfg.Check(), err, cfg.discovery(join).Check()); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, join: join, trace: steps{trace.New(cfg.Trace)}, links: newLinks(), shelf: newShelf(), givers: scheduler.NewReputation()}
	n.expects.Store(len(join) > 0)
	return n, nil
}

func (c Config) discovery(join []peer.AddrInfo) discovery.Config {
	return discovery.Config{Join: join, Ways: c.Ways, Key: c.Key, Log: c.Log, Slow: c.Slow}
}

// Run lives as a node while work runs: work is called once the node listens,
// and when it returns the node leaves and Run returns its error. By then all
// goroutines have ended. The end of ctx is for work to heed: until it returns
// others are still served, so that it can Settle. Run is called once. It fails
// with fault.InUse while another node has the identity.
func (n *Node) Run(ctx context.Context, work func(context.Context) error) error {
	n.cfg.Known = n.join
	h, err := p2phost.New(n.cfg.Config)
	if err != nil {
		return err
	}
	found := n.cfg.discovery(n.join)
	found.Trace = n.trace.Trace
	n.host, n.found = h, discovery.New(h, found)
	n.begin(context.WithoutCancel(ctx), h.ID(), n.found)
	defer n.life.end()
	var group sync.WaitGroup
	group.Go(func() { n.ticks(n.life.ctx) })
	n.listen()
	group.Go(func() { n.found.Run(n.life.ctx) })
	err = work(ctx)
	n.life.end()
	n.leave()
	err = errors.Join(err, h.Close())
	n.life.group.Wait()
	group.Wait()
	return err
}

// begin gives the node its id and who knows where others are; from then on,
// until the end of its life, connections may come.
func (n *Node) begin(ctx context.Context, id peer.ID, around neighbourhood) {
	n.self, n.around = remote{peer: id, key: keyOf(id)}, around
	n.links.self = id
	n.life.begin(ctx)
}

// listen takes connections and streams up.
func (n *Node) listen() {
	for _, proto := range []string{protoLink, protoData, protoAsk} {
		n.host.Handle(proto, func(c p2phost.Conn, s *p2phost.Stream) { n.accept(proto, hostConn{c}, s) })
	}
	n.host.Watch(func(c p2phost.Conn) {
		n.trace.conn("opened", c.Remote(), c)
		if c.Dialled() && !c.Relayed() {
			n.open(hostConn{c})
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

// unreached says why nodes could not be reached, to be put behind a message:
// they are often the ones that have what is missing.
func (n *Node) unreached() string {
	if why := n.around.Why(); why != "" {
		return "\n" + why
	}
	return ""
}

// keyOf returns a node's number in the scheduler.
func keyOf(id peer.ID) scheduler.ID {
	sum := blake3.Sum256([]byte(id))
	return scheduler.ID(binary.LittleEndian.Uint64(sum[:]))
}

// ticks lets all swarms look at the clock.
func (n *Node) ticks(ctx context.Context) {
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now() // the tick may have waited itself
		missed := retry.Missed(now.Sub(last), tickTime)
		last = now
		for _, s := range n.shelf.all() {
			s.tick(now, missed)
		}
	}
}
