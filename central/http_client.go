package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"starmesh/common/fault"
	"starmesh/common/readable"
)

// HTTPClient asks a server for files over HTTP/1.1: one request, one answer. It
// has one connection at a time, made when it is needed and used again, or a new
// one for each request (ClientConfig.ConnPerRequest). Its methods are for one
// goroutine at a time; after a failure it can be used again.
type HTTPClient struct {
	addr      Address
	cfg       ClientConfig
	transport *http.Transport
	conn      atomic.Pointer[webConn] // the latest
	answered  bool                    // the server has spoken HTTP
	misread   int                     // answers in a row that call the request a bad one
	closed    bool
	anywhere  bool // it is sent on to other servers; the user's name goes to addr alone
}

// maxMisread is how many answers in a row may call a request bad before that is
// believed: requests can be cut and bent on their way.
const maxMisread = 3

// maxHead bounds what a server may say before the body of an answer, in bytes.
const maxHead = 16 << 10

// NewHTTPClient returns a client of the server at a. It does nothing before it is
// asked for something; the caller closes it.
func NewHTTPClient(a Address, cfg ClientConfig) *HTTPClient {
	cfg = cfg.withDefaults()
	c := &HTTPClient{addr: a, cfg: cfg}
	c.transport = &http.Transport{
		DialContext:    c.dial,
		DialTLSContext: c.dialTLS,
		// No proxy: what is measured is the way to the server.
		DisableCompression:     true,
		DisableKeepAlives:      cfg.ConnPerRequest,
		MaxConnsPerHost:        1,
		MaxResponseHeaderBytes: maxHead,
		ResponseHeaderTimeout:  cfg.Timeout, // of the first answer
	}
	return c
}

// Alive reports whether c has not been closed.
func (c *HTTPClient) Alive() bool { return !c.closed }

// Reached is false: over HTTP nothing is sent before the first request.
func (*HTTPClient) Reached() bool { return false }

// Close closes the connection, if there is one.
func (c *HTTPClient) Close() error {
	c.closed = true
	c.transport.CloseIdleConnections()
	c.settle()
	return nil
}

// ask sends a request for a file and returns the answer, whatever its status.
// The caller hands it to finish. query is "" or what follows the question mark;
// header comes in pairs.
func (c *HTTPClient) ask(ctx context.Context, method, name, query string, header ...string) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: c.addr.HostPort, Path: "/" + name, RawQuery: query}
	if c.addr.TLS {
		u.Scheme = "https"
	}
	return c.send(ctx, method, &u, header...)
}

// send is ask for any address.
func (c *HTTPClient) send(ctx context.Context, method string, u *url.URL, header ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(c.traced(ctx, method, u, header), method, u.String(), nil)
	if err != nil {
		return nil, fault.Wrapf(fault.Invalid, "%s is no address of a web server", readable.Text(u.Host))
	}
	r.Header.Set("User-Agent", c.cfg.Agent)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if c.cfg.User != "" && c.isHome(u) {
		if c.anywhere && !isPrivate(u) {
			return nil, plainPassword()
		}
		r.SetBasicAuth(c.cfg.User, c.cfg.Password)
	}
	answer, err := c.transport.RoundTrip(r)
	if err != nil {
		c.settle()
		return nil, c.explain(ctx, err)
	}
	c.answered = true
	if c.misread++; answer.StatusCode != http.StatusBadRequest && answer.StatusCode != http.StatusRequestTimeout {
		c.misread = 0
	}
	c.transport.ResponseHeaderTimeout = c.cfg.Stall
	if c.cfg.Trace != nil {
		c.cfg.Trace.Step("recv(fd %d) %s %s, %d bytes follow", c.conn.Load().fd, readable.Text(answer.Proto), readable.Text(answer.Status), followed(answer))
	}
	return answer, nil
}

// followed returns the length of an answer's body, if it has one.
func followed(r *http.Response) int64 {
	if r.Request.Method == http.MethodHead {
		return 0
	}
	return max(r.ContentLength, 0)
}

// traced has the trace tell of the request when it is sent.
func (c *HTTPClient) traced(ctx context.Context, method string, u *url.URL, header []string) context.Context {
	if c.anywhere {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: c.gotConn})
	}
	if c.cfg.Trace == nil {
		return ctx
	}
	line := fmt.Sprintf("%s %s HTTP/1.1", method, u.Path)
	if u.RawQuery == chunksQuery { // any other may be a secret
		line = fmt.Sprintf("%s %s?%s HTTP/1.1", method, u.Path, u.RawQuery)
	}
	for i := 0; i+1 < len(header); i += 2 {
		line += fmt.Sprintf("; %s: %s", header[i], header[i+1])
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { c.cfg.Trace.Step("send(fd %d) %s", c.conn.Load().fd, line) },
	})
}

// finish ends an answer. If its body was read to the end, the connection is
// left for the next request.
func (c *HTTPClient) finish(r *http.Response) {
	r.Body.Close()
	c.settle()
}

// settle brings the meter up to date.
func (c *HTTPClient) settle() {
	if conn := c.conn.Load(); conn != nil {
		conn.settle()
	}
}

// explain turns what the network said into what happened.
func (c *HTTPClient) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, new(*dialFailure)):
		return err
	case isTimeout(err) && !c.answered:
		return fmt.Errorf("%s: %w", c.addr.HostPort, noAnswer(c.cfg.Timeout))
	case isTimeout(err):
		return silentFor(c.cfg.Stall)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), wentAway(err):
		return fault.Wrapf(fault.Closed, "the server went away")
	case strings.Contains(err.Error(), "malformed HTTP") && !c.answered:
		return fault.Wrapf(fault.Version, "%s does not speak HTTP; if it is starmesh's own port, use %s instead",
			c.addr.HostPort, Address{HostPort: c.addr.HostPort, TLS: c.addr.TLS})
	default:
		return fault.Wrapf(fault.Protocol, "over HTTP: %w", err)
	}
}
