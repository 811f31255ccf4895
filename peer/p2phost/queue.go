package p2phost

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
)

// A queue is the data of one TCP connection that was written to its streams
// and has not yet gone to the kernel. yamux takes 64 frames (up to 16 MiB) and
// lets Write return: without this, an offer waits behind seconds of chunks.
//
// A nil queue (QUIC, where Write waits for the link itself; relayed
// connections) never fills.
type queue struct {
	mu     sync.Mutex
	in     int64 // bytes handed to streams
	out    int64 // bytes of data that frames have carried away
	limit  int64 // bulk waits while more than this is in the queue
	room   chan struct{}
	closed bool
	speed  speed
	kernel func(most int64) // bounds what waits behind the queue, in the kernel; may be nil
	bound  int64            // the last such bound
	clock  func() time.Time
}

const (
	// The queue holds queueTime of what the link is measured to carry, within
	// bounds: long enough that it does not run empty before this process is
	// woken, short enough that nobody waits for an offer.
	queueTime  = 40 * time.Millisecond
	minQueue   = 4 << 10
	maxQueue   = 1 << 20
	firstQueue = 128 << 10
	// A piece is the unit of bulk: what an offer can not overtake.
	minPiece = 4 << 10
	maxPiece = 128 << 10

	yamuxHeader = 12
)

func newQueue() *queue {
	return &queue{limit: firstQueue, bound: maxNotSent, room: make(chan struct{}), clock: time.Now}
}

// bulk writes p to s, a stream of the queue's connection, in pieces, each as
// soon as the queue is short enough. ctx ends a wait; a Write that waits for
// the other side's window ends by s's own deadline or reset.
func (q *queue) bulk(ctx context.Context, s io.Writer, p []byte) (int, error) {
	if q == nil {
		return s.Write(p)
	}
	written := 0
	for written < len(p) {
		n, err := q.reserve(ctx, len(p)-written)
		if err != nil {
			return written, err
		}
		did, err := s.Write(p[written : written+n])
		written += did
		if err != nil {
			q.unbook(n - did)
			return written, err
		}
	}
	return written, nil
}

// urgent writes p at once: it leaves behind no more than the queue holds.
func (q *queue) urgent(s io.Writer, p []byte) (int, error) {
	if q != nil {
		q.unbook(-len(p))
	}
	n, err := s.Write(p)
	if q != nil && n < len(p) {
		q.unbook(len(p) - n)
	}
	return n, err
}

// reserve waits for room and books one piece of at most n bytes.
func (q *queue) reserve(ctx context.Context, n int) (int, error) {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return 0, net.ErrClosed
		}
		if q.in-q.out < q.limit {
			n = int(min(int64(n), maxPiece, max(minPiece, q.limit/2)))
			q.in += int64(n)
			q.mu.Unlock()
			return n, ctx.Err()
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (q *queue) unbook(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.in -= int64(n)
	q.wake()
}

// left says that a frame has carried n bytes away. Other streams' frames
// (identify, the DHT) count too, though nobody booked them: whenever the queue
// is found empty, the account is set right.
func (q *queue) left(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.out += int64(n)
	busy := q.in > q.out
	q.in = max(q.in, q.out)
	if rate, ok := q.speed.add(q.clock(), int64(n), busy); ok {
		q.limit = min(max(int64(rate*queueTime.Seconds()), minQueue), maxQueue)
		q.boundKernel()
	}
	q.wake()
}

// boundKernel lets as much wait in the kernel as in the queue, within what is
// of use there. Small changes are not worth a system call.
func (q *queue) boundKernel() {
	bound := min(q.limit, maxNotSent)
	if q.kernel != nil && (bound >= 2*q.bound || q.bound >= 2*bound || bound == maxNotSent && q.bound < bound) {
		q.kernel(bound)
		q.bound = bound
	}
}

// wake tells who waits that there may be room.
func (q *queue) wake() {
	if q.in-q.out < q.limit || q.closed {
		close(q.room)
		q.room = make(chan struct{})
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

// speed measures how fast a queue drains while it is busy.
type speed struct {
	since time.Time // zero: idle
	bytes int64
	rate  float64 // bytes per second, smoothed
}

const (
	// speedSample is the least time from which a rate is computed.
	speedSample = 5 * time.Millisecond
	// A sample of slowSample is believed at once: what was measured before is
	// how fast the kernel's empty buffers were filled.
	slowSample = 100 * time.Millisecond
)

// add counts n bytes that left at now; busy tells whether more are waiting. It
// is ok when there is a new rate.
func (s *speed) add(now time.Time, n int64, busy bool) (rate float64, ok bool) {
	if !s.since.IsZero() {
		s.bytes += n
		if took := now.Sub(s.since); took >= speedSample {
			latest := float64(s.bytes) / took.Seconds()
			if s.rate == 0 || took >= slowSample {
				s.rate = latest
			}
			s.rate += (latest - s.rate) / 4
			s.since, s.bytes, ok = now, 0, true
		}
	}
	switch {
	case !busy:
		s.since, s.bytes = time.Time{}, 0
	case s.since.IsZero():
		s.since = now
	}
	return s.rate, ok
}

// queueOf returns what waits in this process's memory to leave over c; nil
// where nothing does.
func queueOf(c network.Conn) *queue {
	var q *queue
	c.As(&q)
	return q
}

// maxFrame is yamux's largest frame, and so the largest write to the secured
// connection: 256 KiB cost 10 % less CPU than its default of 64 KiB.
const maxFrame = 256 << 10

const (
	// frameTime is how long a frame may take, or an answer to a ping: 256 KiB at
	// 9 kB/s, a link shared by many.
	frameTime = 30 * time.Second
	// quietTime is how long nothing is heard before the other side is asked
	// whether it is there: a connection may stall without an end. Together they
	// are well below the minute for which a fetch waits.
	quietTime = 10 * time.Second
)

const (
	// Over a connection that was accepted a stream's window begins at
	// firstStreamWindow, for with yamux's own 256 KiB the reader says "go on" every
	// 128 KiB, and grows to maxStreamWindow with the rate and the distance, within
	// maxMemoryPeer. yamux forgets to tell the writer of half of what it grows by.
	firstStreamWindow = 1 << 20
	maxStreamWindow   = 32 << 20
	// Over one that we dialled it is dialledStreamWindow from the first byte on:
	// each doubling is a round trip, and half of it is what arrives in one at 1
	// Gbit/s over 100 ms. Who was dialled may have us hold as much for each of
	// dialledStreams that are not read.
	dialledStreamWindow = 24 << 20
	dialledStreams      = 16
)

// newMuxer returns libp2p's yamux with our settings, below g and h.
func newMuxer(g *gate, h *handshakes) muxer {
	m := muxer{dialled: newYamux(), accepted: newYamux(), gate: g, handshakes: h}
	m.dialled.InitialStreamWindowSize, m.dialled.MaxStreamWindowSize = dialledStreamWindow, dialledStreamWindow
	m.dialled.MaxIncomingStreams = dialledStreams
	return m
}

func newYamux() *yamux.Transport {
	t := *yamux.DefaultTransport
	t.MaxMessageSize = maxFrame
	t.InitialStreamWindowSize, t.MaxStreamWindowSize = firstStreamWindow, maxStreamWindow
	t.ConnectionWriteTimeout, t.KeepAliveInterval = frameTime, quietTime
	return &t
}

// muxer is yamux, with the network key proved before the first frame and the
// frames' data counted as it leaves.
type muxer struct {
	dialled, accepted *yamux.Transport
	gate              *gate
	handshakes        *handshakes
}

func (m muxer) NewConn(c net.Conn, isServer bool, scope network.PeerScope) (network.MuxedConn, error) {
	if err := m.gate.provenConn(c, !isServer); err != nil {
		return nil, err
	}
	m.handshakes.end(c)
	q := newQueue()
	f := &frameConn{Conn: c, q: q}
	if tcp := tcpUnder(c); tcp != nil {
		f.records, _ = tcp.Conn.(*records)
		q.kernel = func(most int64) { setNotSentLowAt(tcp.under, int(most)) }
	}
	inner := m.dialled
	if isServer {
		inner = m.accepted
	}
	muxed, err := inner.NewConn(f, isServer, scope)
	if err != nil {
		return nil, err
	}
	return queuedConn{MuxedConn: muxed, q: q}, nil
}

// queuedConn is a connection that knows its queue.
type queuedConn struct {
	network.MuxedConn
	q *queue
}

// As returns the queue to who asks for it, through all that libp2p puts around
// the connection.
func (c queuedConn) As(target any) bool {
	if q, ok := target.(**queue); ok {
		*q = c.q
		return true
	}
	return c.MuxedConn.As(target)
}

// frameConn sees yamux's frames: each is one Write.
type frameConn struct {
	net.Conn
	q       *queue
	head    []byte   // of a frame whose header has been read in part
	records *records // nil: not to be told
}

// Read returns those below how much of a frame is still to come.
func (c *frameConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.records != nil {
		c.follow(p[:n])
	}
	return n, err
}

// follow keeps track of where in a frame the reader is, wherever its reads
// begin and end.
func (c *frameConn) follow(p []byte) {
	for len(p) > 0 {
		if c.records.more > 0 {
			n := min(c.records.more, len(p))
			c.records.more -= n
			p = p[n:]
			continue
		}
		n := min(yamuxHeader-len(c.head), len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
		if len(c.head) == yamuxHeader {
			if c.head[0] == 0 && c.head[1] == 0 { // others have no body
				c.records.more = int(binary.BigEndian.Uint32(c.head[8:12]))
			}
			c.head = c.head[:0]
		}
	}
}

// tcpUnder finds the TCP connection under one secured with TLS; nil where there
// is none.
func tcpUnder(c net.Conn) *tcpConn {
	secured, ok := c.(interface{ NetConn() net.Conn })
	if !ok {
		return nil
	}
	tcp, _ := secured.NetConn().(*tcpConn)
	return tcp
}

// Close ends the waits for room.
func (c *frameConn) Close() error {
	c.q.close()
	return c.Conn.Close()
}

func (c *frameConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err == nil {
		if data := frameData(p); data > 0 {
			c.q.left(data)
		}
	}
	return n, err
}

// frameData returns how many bytes of stream data the yamux frame p carries: its
// type is 0 and its length stands in bytes 8 to 12
// (github.com/hashicorp/yamux, spec.md).
func frameData(p []byte) int {
	if len(p) < yamuxHeader || p[0] != 0 || p[1] != 0 {
		return 0
	}
	if n := int(binary.BigEndian.Uint32(p[8:12])); n == len(p)-yamuxHeader {
		return n
	}
	return 0
}
