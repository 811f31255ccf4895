package p2phost

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/multiformats/go-multistream"
)

// Conn is a connection with one remote. Two of them are equal when they are the
// same one.
type Conn struct{ c network.Conn }

// Remote is who is at the other end.
func (c Conn) Remote() peer.ID { return c.c.RemotePeer() }

// Relayed returns whether the connection leads over a relay: there a direct one
// is agreed on, which libp2p does by itself, and nothing else is said.
func (c Conn) Relayed() bool { return c.c.Stat().Limited }

// Dialled returns whether this side has dialled. Either both sides find the
// same one, or nobody opens what the dialler opens, or both do.
func (c Conn) Dialled() bool {
	var accepted acceptedByDial
	c.c.As(&accepted)
	return c.c.Stat().Direction == network.DirOutbound && !bool(accepted)
}

// From returns the address at which the remote is.
func (c Conn) From() netip.Addr {
	ip, _ := manet.ToIP(c.c.RemoteMultiaddr()) // a connection has no name
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// Close ends the connection and all its streams.
func (c Conn) Close() error { return c.c.Close() }

// String says over what the connection leads, who dialled, and both its ends.
func (c Conn) String() string {
	who := "dialled by the other side"
	if c.c.Stat().Direction == network.DirOutbound {
		who = "dialled here"
	}
	return fmt.Sprintf("%s %s, %s → %s", c.c.ConnState().Transport, who, c.c.LocalMultiaddr(), c.c.RemoteMultiaddr())
}

// Open opens a stream without waiting for the other side's consent: the
// protocol's name goes out with the first bytes. What is written to a stream of
// bulk lets the words of all others go first.
func (c Conn) Open(ctx context.Context, proto string, bulk bool) (*Stream, error) {
	s, err := c.c.NewStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", proto, err)
	}
	if err := s.SetProtocol(protocol.ID(proto)); err != nil {
		_ = s.Reset()
		return nil, fmt.Errorf("open %s: %w", proto, err)
	}
	return newStream(s, multistream.NewMSSelect(s, protocol.ID(proto)), bulk), nil
}

// Stream carries bytes both ways, in order.
type Stream struct {
	s      network.Stream
	rw     io.ReadWriter // s, which agrees on its protocol with its first bytes
	queue  *queue
	bulk   bool
	ctx    context.Context // ends with Reset: Write has none
	cancel context.CancelFunc
}

func newStream(s network.Stream, rw io.ReadWriter, bulk bool) *Stream {
	ctx, cancel := context.WithCancel(context.Background())
	return &Stream{s: s, rw: rw, queue: queueOf(s.Conn()), bulk: bulk, ctx: ctx, cancel: cancel}
}

// Read reads at least one byte, unless the stream has ended.
func (s *Stream) Read(p []byte) (int, error) { return s.rw.Read(p) }

// Write writes p before all bulk, or, on a stream of bulk, when there is room.
func (s *Stream) Write(p []byte) (int, error) {
	if s.bulk {
		return s.queue.bulk(s.ctx, s.rw, p)
	}
	return s.queue.urgent(s.rw, p)
}

// SetDeadline bounds reading and writing; of bulk, not the wait for room.
func (s *Stream) SetDeadline(t time.Time) error { return s.s.SetDeadline(t) }

// Close ends the stream once all is sent.
func (s *Stream) Close() error {
	s.cancel()
	return s.s.Close()
}

// Reset ends the stream at once, for both sides.
func (s *Stream) Reset() error {
	s.cancel()
	return s.s.Reset()
}

// Handle has accept called with every stream of a protocol that others open
// over a direct connection.
func (h *Host) Handle(proto string, accept func(Conn, *Stream)) {
	h.SetStreamHandler(protocol.ID(proto), func(s network.Stream) {
		c := Conn{s.Conn()}
		if c.Relayed() {
			_ = s.Reset()
			return
		}
		accept(c, newStream(s, s, false))
	})
}

// Watch has opened and closed called with every connection that comes and goes.
func (h *Host) Watch(opened, closed func(Conn)) {
	h.Network().Notify(&network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { opened(Conn{c}) },
		DisconnectedF: func(_ network.Network, c network.Conn) { closed(Conn{c}) },
	})
}

// Ping measures round trips to a node until ctx ends or each says stop.
func (h *Host) Ping(ctx context.Context, id peer.ID, each func(time.Duration, error) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for r := range ping.Ping(ctx, h, id) {
		if !each(r.RTT, r.Error) {
			return
		}
	}
}
