package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/peer/scheduler"
)

// The protocols of a node; a new number is a new grammar.
const (
	protoLink = "/starmesh/link/1" // control: one long-lived stream
	protoData = "/starmesh/data/1" // chunks: one long-lived stream each way
	protoAsk  = "/starmesh/ask/1"  // a question and its answer
)

const (
	// maxUnsent is how many bytes of control messages may wait for a remote
	// that does not read them before it is given up.
	maxUnsent = 4 << 20
	// maxJobs is how many chunks may wait for a remote: no more are on their way.
	maxJobs = scheduler.MaxWindow + 1
)

// link is everything with one remote: a control stream, on which both sides
// offer and answer, and a data stream each way, so that a word never waits
// behind a chunk (no head-of-line blocking).
type link struct {
	remote
	node    *Node
	conn    conn
	control stream
	from    netip.Addr // where the remote is
	since   time.Time
	fail    context.CancelCauseFunc // ends the link
	out     outbox
	jobs    chan job
	files   membership

	words         words       // of the remote; the reader's
	introductions quota       // of PEERS; the reader's
	introduced    quota       // of those that it is told of others with; the lock of files guards it
	receiving     atomic.Bool // whether its data stream has been opened
}

// remote is a node as this one knows it.
type remote struct {
	peer    peer.ID
	key     scheduler.ID // its number in the scheduler
	carried *load.Remote
}

// newLink makes a link, which begins with a HELLO and lives as long as the
// context that is returned.
func newLink(ctx context.Context, n *Node, c conn, control stream) (*link, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	id := c.Remote()
	l := &link{
		remote: remote{peer: id, key: keyOf(id), carried: n.cfg.Meter.Remote(id.String())},
		node:   n, conn: c, control: control, from: c.From(), since: time.Now(), fail: cancel,
		out:   outbox{wake: make(chan struct{}, 1)},
		jobs:  make(chan job, maxJobs),
		files: newMembership(),
	}
	l.post(hello{Version: version, Agent: n.cfg.Agent, Addrs: n.around.Own(id)})
	return l, ctx
}

// job is a chunk to be sent to a remote.
type job struct {
	to    *member
	chunk int
}

// outbox holds the control messages that wait to be written.
type outbox struct {
	mu   sync.Mutex // guards buf, and the end of wake
	buf  []byte
	wake chan struct{} // holds one value while buf has something
}

// post queues messages and never blocks: a remote that does not read is given
// up.
func (l *link) post(messages ...message) {
	l.node.trace.posted(l.peer, messages)
	l.out.mu.Lock()
	for _, m := range messages {
		l.out.buf = encode(l.out.buf, m)
	}
	full := len(l.out.buf) > maxUnsent
	select { // with the lock: close may be at it, and nobody sends on what is closed
	case l.out.wake <- struct{}{}:
	default:
	}
	l.out.mu.Unlock()
	if full {
		l.fail(fault.Wrapf(fault.Busy, "it does not read what it is sent"))
	}
}

// run serves the link until it ends, and says why.
func (l *link) run(ctx context.Context) error {
	said := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(said)
		l.farewell(context.Cause(ctx))
	})
	var group sync.WaitGroup
	wake := l.out.wake // close takes it away, perhaps before the writer begins
	group.Go(func() { l.fail(l.write(wake)) })
	group.Go(func() { l.fail(l.sendChunks(ctx)) })
	l.fail(l.read())
	<-said
	l.close()
	group.Wait()
	_ = l.control.Close()
	return context.Cause(ctx)
}

// close lets the writers end.
func (l *link) close() {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	if l.out.wake != nil {
		close(l.out.wake)
		l.out.wake = nil
	}
}

// write sends what is posted, as much at a time as there is.
func (l *link) write(wake <-chan struct{}) error {
	var spare []byte
	for range wake {
		l.out.mu.Lock()
		buf := l.out.buf
		l.out.buf, spare = spare[:0], nil
		l.out.mu.Unlock()
		if _, err := l.control.Write(buf); err != nil {
			return gone(err)
		}
		l.node.cfg.Meter.OtherOut.Add(int64(len(buf)))
		spare = buf
	}
	return nil
}

// sendChunks opens the data stream when there is something to send, and sends.
func (l *link) sendChunks(ctx context.Context) error {
	var out stream
	defer func() {
		if out != nil {
			_ = out.Reset()
		}
	}()
	var buf []byte
	for {
		var j job
		select {
		case <-ctx.Done():
			return nil
		case j = <-l.jobs:
		}
		if !j.to.swarm.give.begins(j.to, j.chunk) {
			continue // it was taken back while it waited
		}
		if out == nil {
			var err error
			if out, err = l.conn.Open(ctx, protoData); err != nil {
				return gone(err)
			}
			l.node.trace.stream("opened", l.peer, protoData)
			reset := out
			stop := context.AfterFunc(ctx, func() { _ = reset.Reset() })
			defer stop()
		}
		var err error
		if buf, err = j.to.load(buf, j.chunk); err != nil {
			j.to.unreadable(j.chunk, err)
			continue
		}
		if _, err := out.Write(buf); err != nil {
			return gone(err)
		}
		j.to.swarm.give.written(j.to, j.chunk)
		l.countOut(len(buf))
		l.node.trace.message("send", l.peer, typeChunk, len(buf))
	}
}

const chunkOverhead = frame.HeaderSize + chunkHead

func (l *link) countOut(n int) {
	payload := int64(n - chunkOverhead)
	l.words.carried.Add(1)
	l.node.cfg.Meter.ChunksOut.Add(1)
	l.node.cfg.Meter.PayloadOut.Add(payload)
	l.node.cfg.Meter.OtherOut.Add(chunkOverhead)
	l.carried.PayloadOut.Add(payload)
}

// read serves the control stream until it ends.
func (l *link) read() error {
	r := bufio.NewReaderSize(l.control, 16<<10)
	var buf []byte
	greeted := false
	for {
		if r.Buffered() == 0 && l.words.tooMany(time.Now()) {
			l.node.life.rest(wordsPause)
		}
		kind, n, err := frame.ReadHeader(r, maxJoin)
		if err == nil && n > bodyLimit(kind) {
			err = fault.Wrapf(fault.TooLarge, "a message of type %#x claims %d bytes", byte(kind), n)
		}
		if err != nil {
			return gone(err)
		}
		buf = grow(buf, n)
		if _, err := io.ReadFull(r, buf); err != nil {
			return gone(err)
		}
		l.node.cfg.Meter.OtherIn.Add(int64(frame.HeaderSize + n))
		if greeted == (kind == typeHello) && kind != typeBye {
			return fault.Wrapf(fault.Protocol, "the first message, and only that, is HELLO; got type %#x", byte(kind))
		}
		greeted = true
		l.node.trace.message("recv", l.peer, kind, frame.HeaderSize+n)
		if err := l.handle(kind, buf); err != nil {
			return err
		}
	}
}

// grow returns a buffer of n bytes.
func grow(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n)
	}
	return buf[:n]
}

// readChunks serves a data stream of the remote until it ends.
func (l *link) readChunks(s io.Reader) error {
	var head [chunkOverhead]byte
	var buf []byte
	for {
		if _, err := io.ReadFull(s, head[:]); err != nil {
			return gone(err)
		}
		kind, n, err := frame.ReadHeader(bytes.NewReader(head[:]), bodyLimit(typeChunk))
		if err != nil {
			return err
		}
		if kind != typeChunk || n < chunkHead {
			return fault.Wrapf(fault.Protocol, "a message of type %#x and %d bytes among chunks", byte(kind), n)
		}
		t, i := chunkNames(head[:])
		buf = grow(buf, n-chunkHead)
		if _, err := io.ReadFull(s, buf); err != nil {
			return gone(err)
		}
		l.countIn(len(buf))
		l.node.trace.message("recv", l.peer, typeChunk, chunkOverhead+len(buf))
		if err := l.arrived(t, i, buf); err != nil {
			return err
		}
	}
}

func (l *link) countIn(n int) {
	l.words.carried.Add(1)
	l.node.cfg.Meter.PayloadIn.Add(int64(n))
	l.node.cfg.Meter.OtherIn.Add(chunkOverhead)
	l.carried.PayloadIn.Add(int64(n))
}

// gone makes one thing of all the ways in which a stream ends.
func gone(err error) error {
	if errors.Is(err, fault.TooLarge) || errors.Is(err, fault.Protocol) {
		return err
	}
	return fault.Wrapf(fault.Closed, "the connection ended: %w", err)
}

// byeTime is how long a BYE may take to reach the remote.
const byeTime = time.Second

// farewell tells the remote why the link ends, if it still listens, and lets
// our own reader and writer end.
func (l *link) farewell(why error) {
	if !errors.Is(why, fault.Closed) {
		_ = l.control.SetDeadline(time.Now().Add(byeTime))
		_, _ = l.control.Write(encode(nil, failed(typeBye, why)))
	}
	past := time.Now().Add(-time.Second)
	_ = l.control.SetDeadline(past)
}
