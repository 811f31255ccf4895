package central

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/transfer"
)

// Source returns the client's connection as a source of the file of that name and
// list. Its Runs leave the client to be used again.
func (c *HTTPClient) Source(name string, list content.ChunkList) transfer.Source {
	return &httpSource{client: c, list: list, most: 1, open: func(ctx context.Context, from, n int64) (*http.Response, error) {
		return c.part(ctx, name, list, from, n)
	}}
}

// httpSource brings chunks over HTTP: one request, one answer, and only then the
// next. HTTP/1.1 allows several requests to be on their way, but hardly a client
// dares to: the round trip in between is what HTTP costs here.
type httpSource struct {
	client *HTTPClient
	list   content.ChunkList
	most   int // chunks in one answer
	// open asks for n bytes from an offset on; the body of its answer is those.
	open  func(ctx context.Context, from, n int64) (*http.Response, error)
	owned bool // nobody else uses the client
}

func (s *httpSource) Name() string { return s.client.addr.HostPort }

func (s *httpSource) Run(ctx context.Context, w transfer.Wanted) error {
	return s.deliver(ctx, w, s.bring)
}

// deliver runs bring, beside which what it brings is verified and written.
func (s *httpSource) deliver(ctx context.Context, w transfer.Wanted, bring func(context.Context, transfer.Wanted, *deliverer) error) error {
	if s.owned {
		defer s.client.transport.CloseIdleConnections()
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	d := newDeliverer(w, stop)
	go d.run()
	err := bring(asking, w, d)
	if failed := d.close(); failed != nil {
		s.client.transport.CloseIdleConnections() // the next chunks come on another one
		return failed
	}
	return err
}

// bring asks for what is missing, one part after the other, until ctx ends.
func (s *httpSource) bring(ctx context.Context, w transfer.Wanted, d *deliverer) error {
	for {
		changed := w.Changed()
		next, ok := claimSpan(w, w.Missing(), 0, s.most)
		if !ok {
			// Other connections have claimed the rest; if one fails, its
			// claims come back.
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		from, n := s.list.Offset(next.first), int64(0)
		for i := range next.count {
			n += int64(s.list.ChunkLen(next.first + i))
		}
		r, err := s.open(ctx, from, n)
		if err != nil {
			return err
		}
		if err := s.chunks(ctx, r, next, d); err != nil {
			return err
		}
	}
}

// chunks takes the chunks of a span from an answer, and ends it.
func (s *httpSource) chunks(ctx context.Context, r *http.Response, of span, d *deliverer) error {
	defer s.client.finish(r)
	for i := of.first; i < of.first+of.count; i++ {
		buf, err := d.buffer(s.list.ChunkLen(i))
		if err != nil {
			return err
		}
		if err := s.client.read(ctx, r, buf); err != nil {
			return err
		}
		if err := d.deliver(i, buf); err != nil {
			return err
		}
	}
	atEnd(r.Body)
	return nil
}

// part asks for n bytes of a file from an offset on.
func (c *HTTPClient) part(ctx context.Context, name string, list content.ChunkList, from, n int64) (*http.Response, error) {
	span := spanOf(from, n)
	r, err := c.ask(ctx, http.MethodGet, name, "", "Range", "bytes="+span, "If-Match", `"`+list.ID().String()+`"`)
	if err != nil {
		return nil, err
	}
	if err := c.checkPart(r, name, span, list.Size(), n); err != nil {
		c.finish(r)
		return nil, err
	}
	return r, nil
}

// spanOf writes n bytes from an offset on as Range and Content-Range have it.
func spanOf(from, n int64) string { return fmt.Sprintf("%d-%d", from, from+n-1) }

// read fills buf with payload from the body of an answer.
func (c *HTTPClient) read(ctx context.Context, r *http.Response, buf []byte) error {
	conn := c.conn.Load()
	for got := 0; got < len(buf); {
		n, err := io.ReadFull(r.Body, buf[got:min(len(buf), got+slice)])
		got += n
		conn.payload(n)
		if err != nil {
			return c.explain(ctx, err)
		}
	}
	return nil
}

// checkPart checks that an answer brings what was asked for, before its body is
// read.
func (c *HTTPClient) checkPart(r *http.Response, name, span string, size, n int64) error {
	want := fmt.Sprintf("bytes %s/%d", span, size)
	got := r.Header.Get("Content-Range")
	switch {
	case r.StatusCode == http.StatusOK:
		return fault.Wrapf(fault.Version, "%s sends the whole file when it is asked for a part: something between here and there takes ranges away", c.addr.HostPort)
	case r.StatusCode != http.StatusPartialContent:
		return c.statusError(r, name)
	case got != want:
		return fault.Wrapf(fault.Protocol, "%q came where %q was due", got, want)
	case r.ContentLength != n:
		return fault.Wrapf(fault.Protocol, "a part of %d bytes came where %d were due", r.ContentLength, n)
	}
	return nil
}
