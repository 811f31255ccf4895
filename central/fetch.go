package central

import (
	"context"
	"errors"
	"fmt"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

const (
	// Requests are pipelined: window is how many bytes of chunks may be asked for
	// and not yet here, a gigabit at 100 ms of round trip. At least two chunks,
	// whatever their size.
	window = 16 << 20
	// askBytes is the payload of one GET, at least a chunk: small enough that
	// several connections share the end of a file evenly.
	askBytes = 4 << 20
	// spare is how many chunks may wait to be verified and written while the
	// next is received.
	spare = 2
)

// Source returns the connection c as a source of the file with that list, and
// makes new connections of the same kind when it is run again. c is lent to it:
// after a Run that ended with nothing under way, c serves for the next request;
// after any other it is closed, as Alive tells.
func (c *Client) Source(list content.ChunkList) transfer.Source {
	return &source{addr: c.addr, cfg: c.cfg, list: list, first: c}
}

// Begin is ChunkList for a file of which nothing is here: the first of its chunks
// are asked for at the same time. They are for the Source that is made next; as
// long as there is none c is not Alive.
func (c *Client) Begin(ctx context.Context, entry store.Entry) (content.ChunkList, error) {
	a := c.asker()
	stop := context.AfterFunc(ctx, c.link.interrupt)
	defer stop()
	list, err := a.begin(entry)
	c.ahead = a.asked
	return list, c.explain(ctx, err)
}

func (c *Client) asker() *asker { return &asker{link: c.link, next: c.next} }

// begin asks for the chunk list and, behind it, for the chunks from the first on.
func (a *asker) begin(entry store.Entry) (content.ChunkList, error) {
	total := content.ChunkCount(entry.Size)
	if content.CheckSize(entry.Size) != nil || total == 0 || total > maxValues {
		return a.chunkList(entry) // which takes no question, or several
	}
	list := a.proof(entry.ID, 0, total)
	first := []message{list}
	for at, each := 0, askChunks(entry.Size); at < total && int64(at*content.ChunkSize(entry.Size)) < window; at += each {
		s := span{req: a.next(), first: at, count: min(each, total-at)}
		a.asked = append(a.asked, s)
		first = append(first, get{Req: s.req, ID: entry.ID, First: uint32(s.first), Count: uint32(s.count)})
	}
	if err := a.link.send(first...); err != nil {
		return content.ChunkList{}, err
	}
	cvs, err := a.values(list)
	if err != nil {
		return content.ChunkList{}, err
	}
	return foldsTo(entry, cvs)
}

// NewSource returns one more connection to the server as a source. Over HTTP the
// address names the file.
func NewSource(a Address, cfg ClientConfig, list content.ChunkList) transfer.Source {
	if a.HTTP {
		s := NewHTTPClient(a, cfg).Source(a.Name, list).(*httpSource)
		s.owned = true
		return s
	}
	return &source{addr: a, cfg: cfg.withDefaults(), list: list}
}

type source struct {
	addr  Address
	cfg   ClientConfig
	list  content.ChunkList
	first *Client // used by the first Run
}

func (s *source) Name() string { return s.addr.HostPort }

func (s *source) Run(ctx context.Context, w transfer.Wanted) error {
	c := s.first
	s.first = nil
	lent := c != nil
	if !lent {
		var err error
		if c, err = Connect(ctx, s.addr, s.cfg); err != nil {
			return err
		}
	}
	a := c.asker()
	a.asked, c.ahead = c.ahead, nil
	err := a.run(ctx, s.list, w)
	if lent && ctx.Err() != nil && errors.Is(err, ctx.Err()) && len(a.asked) == 0 {
		c.link.resume(context.WithoutCancel(ctx))
		return err
	}
	defer c.Close()
	return c.explain(ctx, err)
}

// asker is the side of a link that asks for chunks: a client, and a server
// while it takes a PUT.
type asker struct {
	link *link
	next func() uint32 // numbers requests

	list    content.ChunkList
	asked   []span // requests under way, in order
	pending int64  // bytes they will bring
}

// span is what is still to come of one GET.
type span struct {
	req          uint32
	first, count int
}

// run asks for what is missing until ctx ends or something fails. Claims are
// made before a chunk is asked for; w's owner releases them when run returns.
func (a *asker) run(ctx context.Context, list content.ChunkList, w transfer.Wanted) error {
	a.list = list
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		a.link.interrupt()
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted // so that none comes after run, when the link is used again
		}
	}()
	a.claimAsked(w)
	d := newDeliverer(w, a.link.interrupt)
	go d.run()
	err := a.converse(ctx, w, d)
	if failed := d.close(); failed != nil {
		return failed
	}
	return err
}

// claimAsked claims what was asked for before it was known that it is wanted. What
// another has claimed already comes twice.
func (a *asker) claimAsked(w transfer.Wanted) {
	for _, s := range a.asked {
		for i := range s.count {
			w.Claim(s.first + i)
		}
		a.pending += int64(s.count) * int64(content.ChunkSize(a.list.Size()))
	}
}

func (a *asker) converse(ctx context.Context, w transfer.Wanted, d *deliverer) error {
	for {
		changed := w.Changed()
		if err := a.ask(w); err != nil {
			return err
		}
		if len(a.asked) == 0 {
			if err := a.link.begin(); err != nil {
				return err
			}
			// Other connections have claimed the rest; if one fails, its
			// claims come back.
			select {
			case <-changed:
				continue
			case <-d.done: // a chunk that came could not be delivered
				return errWritingEnded
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := a.receive(d); err != nil {
			return err
		}
	}
}

// ask fills the window. It looks only when half of it is empty, because
// looking costs a copy of the set.
func (a *asker) ask(w transfer.Wanted) error {
	chunk := int64(content.ChunkSize(a.list.Size()))
	full := max(window, 2*chunk)
	if a.pending > full/2 && a.pending >= 2*chunk {
		return nil
	}
	missing := w.Missing()
	for from := 0; a.pending+chunk <= full; {
		s, ok := claimSpan(w, missing, from, askChunks(a.list.Size()))
		if !ok {
			return nil
		}
		s.req = a.next()
		m := get{Req: s.req, ID: a.list.ID(), First: uint32(s.first), Count: uint32(s.count)}
		if err := a.link.send(m); err != nil {
			return err
		}
		a.asked = append(a.asked, s)
		a.pending += int64(s.count) * chunk
		from = s.first + s.count
	}
	return nil
}

// askChunks is how many chunks of a file of that size one GET asks for.
func askChunks(size int64) int { return min(max(askBytes/content.ChunkSize(size), 1), maxGet) }

// claimSpan claims up to limit adjacent chunks, from the first that can be had.
func claimSpan(w transfer.Wanted, missing content.Set, from, limit int) (span, bool) {
	var s span
	for i, ok := missing.Next(from); ok; i, ok = missing.Next(i + 1) {
		if s.count > 0 && (i != s.first+s.count || s.count == limit) {
			break
		}
		if _, ok := w.Claim(i); !ok {
			if s.count > 0 {
				break
			}
			continue
		}
		if s.count == 0 {
			s.first = i
		}
		s.count++
	}
	return s, s.count > 0
}

// receive takes the next frame: a chunk that was asked for, in order.
func (a *asker) receive(d *deliverer) error {
	h, err := a.link.next(a.link.stall)
	if err != nil {
		return err
	}
	if h.kind != typeChunk {
		b, err := a.link.body(h)
		if err != nil {
			return err
		}
		if err := refusal(h.kind, b); err != nil {
			return err
		}
		return unexpected(h.kind, typeGet)
	}
	req, index, n, err := a.link.chunkHeader(h)
	if err != nil {
		return err
	}
	s := &a.asked[0]
	if req != s.req || int(index) != s.first || n != a.list.ChunkLen(s.first) {
		return fault.Wrapf(fault.Protocol, "CHUNK %d with %d bytes came where chunk %d was due", index, n, s.first)
	}
	buf, err := d.buffer(n)
	if err != nil {
		return err
	}
	if err := a.link.payload(buf); err != nil {
		return err
	}
	a.arrived(s)
	return d.deliver(int(index), buf)
}

// arrived takes the first chunk of s off the books.
func (a *asker) arrived(s *span) {
	a.pending -= int64(content.ChunkSize(a.list.Size()))
	s.first++
	if s.count--; s.count == 0 {
		a.asked = a.asked[1:]
	}
}

// deliverer verifies and writes chunks beside the goroutine that receives
// them, in the order of their arrival.
type deliverer struct {
	w    transfer.Wanted
	work chan arrival
	free chan []byte
	done chan struct{}
	fail func() // ends the receiver's read
	err  error  // why delivering ended; valid after done
}

type arrival struct {
	index int
	p     []byte
}

func newDeliverer(w transfer.Wanted, fail func()) *deliverer {
	d := &deliverer{
		w: w, fail: fail,
		work: make(chan arrival, spare), free: make(chan []byte, spare+2), done: make(chan struct{}),
	}
	for range spare + 2 {
		d.free <- nil
	}
	return d
}

// run verifies and writes what is delivered, until close or a failure.
func (d *deliverer) run() {
	defer close(d.done)
	for a := range d.work {
		if err := d.w.Deliver(a.index, a.p); err != nil {
			d.err = fmt.Errorf("chunk %d: %w", a.index, err)
			d.fail()
			return
		}
		d.free <- a.p
	}
}

// errWritingEnded is why nothing more is received; close says why it ended.
var errWritingEnded = errors.New("writing has ended")

// buffer returns room for n bytes; it waits for a chunk to be written.
func (d *deliverer) buffer(n int) ([]byte, error) {
	select {
	case b := <-d.free:
		if cap(b) < n {
			b = make([]byte, n)
		}
		return b[:n], nil
	case <-d.done:
		return nil, errWritingEnded
	}
}

func (d *deliverer) deliver(index int, p []byte) error {
	select {
	case d.work <- arrival{index, p}:
		return nil
	case <-d.done:
		return errWritingEnded
	}
}

// close waits until everything received is written, and returns the error that
// ended the writing, if one did.
func (d *deliverer) close() error {
	close(d.work)
	<-d.done
	return d.err
}

var _ chunkFile = (*store.Held)(nil)
