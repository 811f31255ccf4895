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
	return &httpSource{client: c, name: name, list: list}
}

// httpSource brings chunks over HTTP: one request for a chunk, one answer, and
// only then the next. HTTP/1.1 allows several requests to be on their way, but
// hardly a client dares to: the round trip in between is what HTTP costs here.
type httpSource struct {
	client *HTTPClient
	name   string
	list   content.ChunkList
	owned  bool // nobody else uses the client
}

func (s *httpSource) Name() string { return s.client.addr.HostPort }

func (s *httpSource) Run(ctx context.Context, w transfer.Wanted) error {
	if s.owned {
		defer s.client.transport.CloseIdleConnections()
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	d := newDeliverer(w, stop)
	go d.run()
	err := s.bring(asking, w, d)
	if failed := d.close(); failed != nil {
		s.client.transport.CloseIdleConnections() // the next chunks come on another one
		return failed
	}
	return err
}

// bring asks for one missing chunk after the other until ctx ends.
func (s *httpSource) bring(ctx context.Context, w transfer.Wanted, d *deliverer) error {
	for {
		changed := w.Changed()
		next, ok := claimSpan(w, w.Missing(), 0, 1)
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
		buf, err := d.buffer(s.list.ChunkLen(next.first))
		if err != nil {
			return err
		}
		if err := s.client.chunk(ctx, s.name, s.list, next.first, buf); err != nil {
			return err
		}
		if err := d.deliver(next.first, buf); err != nil {
			return err
		}
	}
}

// chunk fetches chunk i into buf, which has its length.
func (c *HTTPClient) chunk(ctx context.Context, name string, list content.ChunkList, i int, buf []byte) error {
	from := list.Offset(i)
	span := fmt.Sprintf("%d-%d", from, from+int64(len(buf))-1)
	r, err := c.ask(ctx, http.MethodGet, name, "", "Range", "bytes="+span, "If-Match", `"`+list.ID().String()+`"`)
	if err != nil {
		return err
	}
	defer c.finish(r)
	if err := c.checkPart(r, name, span, list.Size(), len(buf)); err != nil {
		return err
	}
	conn := c.conn.Load()
	for got := 0; got < len(buf); {
		n, err := io.ReadFull(r.Body, buf[got:min(len(buf), got+slice)])
		got += n
		conn.payload(n)
		if err != nil {
			return c.explain(ctx, err)
		}
	}
	atEnd(r.Body)
	return nil
}

// checkPart checks that an answer brings what was asked for, before its body is
// read.
func (c *HTTPClient) checkPart(r *http.Response, name, span string, size int64, n int) error {
	want := fmt.Sprintf("bytes %s/%d", span, size)
	got := r.Header.Get("Content-Range")
	switch {
	case r.StatusCode == http.StatusOK:
		return fault.Wrapf(fault.Version, "%s sends the whole file when it is asked for a part: something between here and there takes ranges away", c.addr.HostPort)
	case r.StatusCode != http.StatusPartialContent:
		return c.statusError(r, name)
	case got != want:
		return fault.Wrapf(fault.Protocol, "%q came where %q was due", got, want)
	case r.ContentLength != int64(n):
		return fault.Wrapf(fault.Protocol, "a part of %d bytes came where %d were due", r.ContentLength, n)
	}
	return nil
}
