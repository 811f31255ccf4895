package central

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
)

// Web is one file on any web server. What the server sends is verified, so it
// need not be trusted; what it may be asked is what HTTP/1.1 has (RFC 9110):
// ranges, redirects, validators. Its methods are for one goroutine at a time;
// the caller closes it.
type Web struct {
	client *HTTPClient
	home   *url.URL // as it was given
	at     *url.URL // where the server, or servers, have sent us
	etag   string   // of the first answer that had one
	// OnWhole is told when the server gives no parts, so that the whole file
	// comes; nil: nobody is.
	OnWhole func()
}

// NewWeb returns the file at an http:// or https:// address, which may have a
// query. It asks nothing yet. It fails with fault.Invalid for what is no such
// address, and where user and password are in it; no error quotes the query,
// which may be a signature.
func NewWeb(address string, cfg ClientConfig) (*Web, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fault.Wrapf(fault.Invalid, "%.100q is no address of a web server (right: https://host/FILE)", load.WithoutPassword(address))
	}
	fragment := u.Fragment
	u.Fragment, u.RawFragment = "", ""
	scheme, known := schemeOf(u.Scheme)
	switch {
	case u.User != nil:
		return nil, fault.Advise(fault.Wrapf(fault.Invalid, "user and password do not belong in the address of %s", readable.Text(u.Host)), fault.HintLogin)
	case !known || !scheme.http:
		return nil, fault.Wrapf(fault.Invalid, "%.100q is no address of a web server (right: https://host/FILE)", load.WithoutPassword(address))
	}
	a := Address{TLS: scheme.tls, HTTP: true, Name: strings.TrimPrefix(u.Path, "/")}
	if a.HostPort, err = withPort(u.Host, scheme.port); err != nil {
		return nil, err
	}
	if fragment != "" {
		if err := a.setFingerprint(load.WithoutPassword(address), fragment); err != nil {
			return nil, err
		}
	}
	c := NewHTTPClient(a, cfg)
	c.anywhere = true
	c.transport.Proxy = http.ProxyFromEnvironment
	return &Web{client: c, home: u, at: u}, nil
}

// Name is what the file is called: the end of its address's path.
func (w *Web) Name() string { return path.Base(w.home.Path) }

// String is the address without what may be secret.
func (w *Web) String() string {
	return (&url.URL{Scheme: w.home.Scheme, Host: w.home.Host, Path: w.home.Path}).String()
}

// Close closes the connection, if there is one.
func (w *Web) Close() error { return w.client.Close() }

// isHome reports whether u is at the server whose address the user gave.
func (c *HTTPClient) isHome(u *url.URL) bool {
	scheme, _ := schemeOf(u.Scheme)
	hostPort, err := withPort(u.Host, scheme.port)
	return err == nil && hostPort == c.addr.HostPort && scheme.tls == c.addr.TLS
}

// isPrivate reports whether nobody can read what is sent to u, be it through a
// proxy.
func isPrivate(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// gotConn notes over which connection a request goes: there may be several, one
// to each server that it was sent on to.
func (c *HTTPClient) gotConn(info httptrace.GotConnInfo) {
	conn := info.Conn
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if w, ok := conn.(*webConn); ok {
		c.conn.Store(w)
	}
}

// maxRedirects is how often a request is sent on.
const maxRedirects = 10

// get asks for u and follows where it is sent. It returns the last answer, and
// where that came from.
func (w *Web) get(ctx context.Context, method string, u *url.URL, header ...string) (*http.Response, *url.URL, error) {
	header = append(header, "Accept-Encoding", "identity")
	for range maxRedirects {
		r, err := w.client.send(ctx, method, u, header...)
		if err != nil {
			return nil, u, err
		}
		if r.StatusCode < 300 || r.StatusCode >= 400 || r.StatusCode == http.StatusNotModified {
			return r, u, nil
		}
		to, err := r.Location()
		w.client.finish(r)
		if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
			return nil, u, fault.Wrapf(fault.Invalid, "%s sends on to an address that is none (%s)", u.Host, readable.Text(r.Status))
		}
		to.User, to.Fragment = nil, ""
		u = to
	}
	return nil, u, fault.Wrapf(fault.Invalid, "%s sends on and on, more than %d times", w.home.Host, maxRedirects)
}

// ChunkList asks for the file's chunk list: our own server's, by the id in its
// ETag, or what lies in a sidecar beside the file. ticket is that of the sidecar,
// "" if there is none. It fails with fault.NotFound when the server has neither,
// with those of content.ReadSidecar, and with why the server cannot be asked.
func (w *Web) ChunkList(ctx context.Context) (list content.ChunkList, ticket string, err error) {
	list, err = w.ownList(ctx)
	if err == nil || !errors.Is(err, fault.NotFound) {
		return list, "", err
	}
	beside := *w.home
	beside.Path += content.SidecarSuffix
	beside.RawPath = ""
	r, _, err := w.get(ctx, http.MethodGet, &beside)
	if err != nil {
		return list, "", err
	}
	defer w.client.finish(r)
	switch status := r.StatusCode; {
	case status == http.StatusOK:
		s, err := content.ReadSidecar(r.Body)
		if errors.Is(err, fault.Invalid) {
			err = fault.Wrapf(fault.NotFound, "%s has no sidecar beside it: %w", w, err)
		}
		return s.List, s.Ticket, err
	case status == http.StatusUnauthorized, status == http.StatusTooManyRequests, status >= 500:
		return list, "", w.client.statusError(r, w.Name()+content.SidecarSuffix)
	default:
		return list, "", fault.Wrapf(fault.NotFound, "there is no %s%s beside it (%s)", w, content.SidecarSuffix, readable.Text(r.Status))
	}
}

// ownList asks for the chunk list as our own server gives it. It fails with
// fault.NotFound where the server is another's.
func (w *Web) ownList(ctx context.Context) (list content.ChunkList, err error) {
	r, at, err := w.get(ctx, http.MethodHead, w.home)
	if err != nil {
		return list, err
	}
	id, err := idOf(r)
	size, status := r.ContentLength, r.StatusCode
	w.client.finish(r)
	if status != http.StatusOK || err != nil || content.CheckSize(size) != nil {
		return list, fault.Wrapf(fault.NotFound, "%s says no id", w)
	}
	chunks := *at
	chunks.RawQuery = chunksQuery
	r, _, err = w.get(ctx, http.MethodGet, &chunks, "If-Match", `"`+id.String()+`"`)
	if err != nil {
		return list, err
	}
	defer w.client.finish(r)
	if r.StatusCode == http.StatusOK && r.Header.Get("Content-Type") != chunksType {
		return list, fault.Wrapf(fault.NotFound, "%s has no chunk list", w)
	}
	return w.client.listIn(ctx, r, w.Name(), id, size)
}

// refused tells what an answer means that does not bring the file.
func (w *Web) refused(r *http.Response) error {
	switch r.StatusCode {
	case http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusBadRequest:
		if w.at.RawQuery != "" || w.at != w.home {
			return fault.Wrapf(fault.Refused, "%s does not give it any longer, or not to this address (%s): if the address was signed for a time, that may be over; give a new one, what has arrived is kept",
				w.client.addr.HostPort, readable.Text(r.Status))
		}
	}
	return w.client.statusError(r, w.Name())
}

// isPage reports whether an answer is a page for people rather than a file.
func isPage(r *http.Response) bool {
	kind, _, _ := strings.Cut(cmp.Or(r.Header.Get("Content-Type"), "unknown"), ";")
	return strings.TrimSpace(kind) == "text/html"
}

// transformed is the failure of a server that sends something else than the
// file's bytes.
func transformed(r *http.Response) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fault.Wrapf(fault.Version, "%s sends the file packed (%s) although it was asked not to: its bytes cannot be verified", r.Request.URL.Host, readable.Text(coding))
	}
	return nil
}
