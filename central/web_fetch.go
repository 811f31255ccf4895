package central

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/transfer"
)

// Source returns the file as a source of the one with that list: it asks for
// ranges or, where the server has none, for the whole.
func (w *Web) Source(list content.ChunkList) transfer.Source {
	s := &webSource{web: w, httpSource: httpSource{client: w.client, list: list}}
	s.most = max(1, askBytes/content.ChunkSize(list.Size()))
	s.open = s.part
	return s
}

type webSource struct {
	httpSource
	web   *Web
	whole bool // the server gives no parts
}

// errWhole is the failure to get a part of a server that gives only the whole.
var errWhole = errors.New("no parts")

func (s *webSource) Run(ctx context.Context, w transfer.Wanted) error {
	bring := s.bring
	if s.whole {
		bring = s.bringAll
	}
	err := s.deliver(ctx, w, bring)
	switch {
	case errors.Is(err, errWhole):
		if s.whole = true; s.web.OnWhole != nil {
			s.web.OnWhole()
		}
		return s.Run(ctx, w)
	case errors.Is(err, fault.Corrupt):
		return fault.Wrapf(fault.Corrupt, "what %s sends is not the file that is sought: it was replaced there, or is damaged on the way (%w)", s.Name(), err)
	default:
		return err
	}
}

// part asks for n bytes from an offset on, where the file was last found, and
// once more where it was first: an address to which one is sent on may be for a
// time.
func (s *webSource) part(ctx context.Context, from, n int64) (*http.Response, error) {
	r, err := s.ask(ctx, s.web.at, from, n)
	if s.web.at != s.web.home && (errors.Is(err, fault.Refused) || errors.Is(err, fault.Unauthorized)) {
		s.web.at = s.web.home
		return s.ask(ctx, s.web.at, from, n)
	}
	return r, err
}

func (s *webSource) ask(ctx context.Context, u *url.URL, from, n int64) (*http.Response, error) {
	header := []string{"Range", "bytes=" + spanOf(from, n)}
	if etag := s.web.etag; strings.HasPrefix(etag, `"`) { // only a strong one may stand there (RFC 9110, 13.1.5)
		header = append(header, "If-Range", etag)
	}
	r, at, err := s.web.get(ctx, http.MethodGet, u, header...)
	if err != nil {
		return nil, err
	}
	if err := s.check(r, from, n); err != nil {
		s.client.finish(r)
		return nil, err
	}
	s.web.at = at
	if s.web.etag == "" {
		s.web.etag = r.Header.Get("ETag")
	}
	return r, nil
}

// check refuses an answer that is not the part that was asked for.
func (s *webSource) check(r *http.Response, from, n int64) error {
	if err := transformed(r); err != nil {
		return err
	}
	switch r.StatusCode {
	case http.StatusOK:
		if err := s.checkWhole(r); err != nil {
			return err
		}
		return errWhole
	case http.StatusPartialContent:
	default:
		return s.web.refused(r)
	}
	span, total, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "/")
	switch {
	case total != "*" && total != fmt.Sprint(s.list.Size()):
		return s.other(fmt.Sprintf("it has %s bytes there", readable.Text(total)))
	case span != spanOf(from, n) || r.ContentLength >= 0 && r.ContentLength != n:
		return fault.Wrapf(fault.Protocol, "%s sends bytes %s, %d of them, where %s were asked for", s.Name(), readable.Text(span), r.ContentLength, spanOf(from, n))
	}
	return nil
}

// checkWhole refuses an answer that cannot be the whole file.
func (s *webSource) checkWhole(r *http.Response) error {
	etag := r.Header.Get("ETag")
	switch {
	case isPage(r) && r.ContentLength != s.list.Size():
		return fault.Wrapf(fault.Invalid, "%s answers with a page for people instead of the file: it may want a login, or the address is that of a page", s.web)
	case r.ContentLength >= 0 && r.ContentLength != s.list.Size():
		return s.other(fmt.Sprintf("it has %d bytes there", r.ContentLength))
	case s.web.etag != "" && etag != "" && etag != s.web.etag:
		return s.other("it was replaced while it was fetched")
	}
	return nil
}

// other is the failure of a server that has another file than the one sought.
func (s *webSource) other(why string) error {
	return fault.Wrapf(fault.Changed, "%s is not the file that is sought (%d bytes): %s", s.web, s.list.Size(), why)
}

// bringAll takes the whole file, from its beginning. What is held already is
// received again.
func (s *webSource) bringAll(ctx context.Context, w transfer.Wanted, d *deliverer) error {
	r, _, err := s.web.get(ctx, http.MethodGet, s.web.home)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		defer s.client.finish(r)
		return s.web.refused(r)
	}
	if err := errors.Join(transformed(r), s.checkWhole(r)); err != nil {
		s.client.finish(r)
		return err
	}
	for i := range w.Missing().All() {
		w.Claim(i)
	}
	return s.chunks(ctx, r, span{count: s.list.Len()}, d)
}
