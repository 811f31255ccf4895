package central

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

const (
	// MaxWhole is up to which size in bytes a file is fetched whole. Such a one
	// needs no chunk list, for its id alone proves it: all that is asked is GET.
	MaxWhole = 1 << 20
	// maxAhead is how many files are asked for ahead. So many requests fit into
	// the buffers of two sockets: else both sides might wait for the other to
	// read.
	maxAhead = 256
	// maxBatch is how many files are handed on together.
	maxBatch = 32
)

// Whole fetches small files (of 1 to MaxWhole bytes, with their ids), pipelined:
// no round trip is waited for between two. each is told of the ith what it is,
// verified, or why it did not come, be it fault.Corrupt; from several goroutines,
// and p is not its own. It returns how many, from the first, each was told of;
// with an error of the connection or of each, the connection is of no more use.
func (c *Client) Whole(ctx context.Context, files []store.Entry, each func(i int, p []byte, err error) error) (told int, err error) {
	group, working := errgroup.WithContext(ctx)
	w := &wholes{client: c, files: files, first: c.req + 1, come: make(chan []whole, spare), over: working.Done()}
	stop := context.AfterFunc(working, func() {
		c.link.interrupt()
		c.link.tcp.hangUp()
	})
	for range 2 { // one verifies while the other makes its file
		group.Go(func() error { return w.deliver(each) })
	}
	err = w.run()
	stop() // or the end of the group would end the connection
	close(w.come)
	if failed := group.Wait(); failed != nil {
		return w.got, failed
	}
	return w.got, c.explain(ctx, err)
}

// wholes is a number of small files on their way.
type wholes struct {
	client *Client
	files  []store.Entry
	first  uint32 // the request for files[0]; those for the others follow it

	asked, got int   // how many, from the first
	pending    int64 // bytes asked for and not here

	come chan []whole
	over <-chan struct{} // nothing is delivered any more
}

// whole is what came of the file i: all its bytes, or why they did not.
type whole struct {
	i   int
	p   []byte
	err error
}

// wholeBuffers hold small files while they are verified and written.
var wholeBuffers = sync.Pool{New: func() any { return new([]byte) }}

func wholeBuffer(n int64) []byte {
	b := *wholeBuffers.Get().(*[]byte)
	if int64(cap(b)) < n {
		b = make([]byte, n)
	}
	return b[:n]
}

func (w *wholes) run() (err error) {
	w.client.link.readAhead()
	for err == nil && w.got < len(w.files) {
		var batch []whole
		batch, err = w.batch()
		select {
		case w.come <- batch:
		case <-w.over:
			w.got -= len(batch)
			return errWritingEnded
		}
	}
	return err
}

// batch receives the next file, and those behind it that have arrived as well.
func (w *wholes) batch() (batch []whole, lost error) {
	for w.got < len(w.files) && (len(batch) == 0 || len(batch) < maxBatch && w.client.link.isNextHere()) {
		if err := w.ask(); err != nil {
			return batch, err
		}
		p, err, lost := w.receive(w.files[w.got], w.first+uint32(w.got))
		if lost != nil {
			return batch, lost
		}
		batch = append(batch, whole{w.got, p, err})
		w.pending -= w.files[w.got].Size
		w.got++
	}
	return batch, nil
}

// ask fills the window, once half of it is empty: many requests leave in one
// packet.
func (w *wholes) ask() error {
	if w.asked-w.got > maxAhead/2 || w.pending > window/2 {
		return nil
	}
	var requests []message
	for w.asked < len(w.files) && w.asked-w.got < maxAhead && w.pending < window {
		e := w.files[w.asked]
		count := content.ChunkCount(e.Size)
		if count == 0 || e.Size > MaxWhole {
			return fault.Wrapf(fault.Invalid, "%s has %d bytes and is not fetched whole", e.Name, e.Size)
		}
		requests = append(requests, get{Req: w.client.next(), ID: e.ID, Count: uint32(count)})
		w.pending += e.Size
		w.asked++
	}
	return w.client.link.send(requests...)
}

// receive takes all chunks of a file, or the ERROR in their place; lost is what
// ends the connection.
func (w *wholes) receive(e store.Entry, req uint32) (p []byte, err, lost error) {
	l := w.client.link
	p = wholeBuffer(e.Size)
	for at, i := 0, uint32(0); at < len(p); i++ {
		h, err := l.next(l.stall)
		if err != nil {
			return nil, nil, err
		}
		if h.kind != typeChunk {
			err, lost := w.refused(h, req)
			return nil, err, lost
		}
		gotReq, index, n, err := l.chunkHeader(h)
		if err != nil {
			return nil, nil, err
		}
		if gotReq != req || index != i || n != min(content.MinChunk, len(p)-at) {
			return nil, nil, fault.Wrapf(fault.Protocol, "CHUNK %d of request %d with %d bytes came where chunk %d of %d was due", index, gotReq, n, i, req)
		}
		if err := l.payload(p[at : at+n]); err != nil {
			return nil, nil, err
		}
		at += n
	}
	return p, nil, nil
}

// refused reads what came in the place of a chunk: an ERROR that answers req is
// of the file, anything else of the connection.
func (w *wholes) refused(h head, req uint32) (err, lost error) {
	b, err := w.client.link.body(h)
	if err != nil {
		return nil, err
	}
	if m, err := decodeFailure(b); h.kind == typeError && err == nil && m.Req == req {
		return m.err(), nil
	}
	if lost := refusal(h.kind, b); lost != nil {
		return nil, lost
	}
	return nil, unexpected(h.kind, typeGet)
}

// deliver verifies what comes and passes it on, until nothing more does.
func (w *wholes) deliver(each func(i int, p []byte, err error) error) error {
	for batch := range w.come {
		for _, f := range batch {
			p, err := w.verified(f)
			if err := each(f.i, p, err); err != nil {
				return err
			}
			wholeBuffers.Put(&f.p)
		}
	}
	return nil
}

func (w *wholes) verified(f whole) ([]byte, error) {
	e, meter := w.files[f.i], w.client.cfg.Meter
	if f.err != nil {
		return nil, f.err
	}
	if content.Sum(f.p) != e.ID {
		meter.ChunkCorrupt(len(f.p))
		return nil, fault.Wrapf(fault.Corrupt, "%s does not match its id", e.Name)
	}
	for range content.ChunkCount(e.Size) {
		meter.ChunkStored(content.MinChunk)
	}
	return f.p, nil
}
