package central

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/retry"
	"starmesh/common/store"
)

// What the HTTP side adds to HTTP; see PROTOCOL.md, section 11.
const (
	chunksQuery   = "chunks"                          // GET /NAME?chunks gives the chunk list
	chunksType    = "application/vnd.starmesh.chunks" // and this is its type
	whyHeader     = "Starmesh-Why"                    // what went wrong, for people; an answer to HEAD has no text
	workingHeader = "Starmesh-Working"                // "DONE/TOTAL" bytes, while a file is hashed
)

// List returns the one file called name. Its id is zero while the server has not
// hashed it yet. Folders can not be fetched over HTTP.
func (c *HTTPClient) List(ctx context.Context, name string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		entry, err := c.look(ctx, name)
		var busy *hashing
		if errors.As(err, &busy) {
			entry, err = store.Entry{Name: name, Size: busy.total}, nil
		}
		yield(entry, err)
	}
}

// Describe asks for one file by name. While the server hashes it, progress (may
// be nil) is told of bytes done and in all. The id of the answer is never zero.
// It fails with fault.NotFound, and with fault.Invalid when it is given an id
// and no name, which HTTP has no question for.
func (c *HTTPClient) Describe(ctx context.Context, name string, _ content.ID, progress func(done, total int64)) (store.Entry, error) {
	for {
		entry, err := c.look(ctx, name)
		var busy *hashing
		if !errors.As(err, &busy) {
			return entry, err
		}
		if progress != nil {
			progress(busy.done, busy.total)
		}
		if err := retry.Wait(ctx, min(fault.RetryAfter(err), 5*time.Second)); err != nil {
			return entry, err
		}
	}
}

// look asks for a file's size, time and id.
func (c *HTTPClient) look(ctx context.Context, name string) (store.Entry, error) {
	if name == "" {
		return store.Entry{}, fault.Wrapf(fault.Invalid, "over HTTP files are asked for one by one, by name; for folders and ids use star://")
	}
	r, err := c.ask(ctx, http.MethodHead, name, "")
	if err != nil {
		return store.Entry{}, err
	}
	defer c.finish(r)
	if r.StatusCode != http.StatusOK {
		return store.Entry{}, c.statusError(r, name)
	}
	id, err := idOf(r)
	if err != nil || r.ContentLength < 0 {
		return store.Entry{}, c.stranger(name, "its answer has no file id in its ETag")
	}
	if err := content.CheckSize(r.ContentLength); err != nil {
		return store.Entry{}, err
	}
	entry := store.Entry{Name: name, Size: r.ContentLength, ID: id}
	if at, err := http.ParseTime(r.Header.Get("Last-Modified")); err == nil {
		entry.ModTime = at
	}
	return entry, nil
}

// idOf reads the id that is in an ETag's quotes.
func idOf(r *http.Response) (content.ID, error) {
	hex, begun := strings.CutPrefix(r.Header.Get("ETag"), `"`)
	hex, ended := strings.CutSuffix(hex, `"`)
	if !begun || !ended {
		return content.ID{}, fault.Wrapf(fault.Invalid, "no ETag that could be an id")
	}
	return content.ParseID(hex)
}

// stranger is the failure of a server that is not ours: it has files, but
// nothing to verify their chunks by.
func (c *HTTPClient) stranger(name, why string) error {
	return fault.Wrapf(fault.Version, "%s is no starmesh server (%s), so nothing of %s could be verified on arrival; fetch it with: curl -O '%s'",
		c.addr.HostPort, why, name, c.addr.At(name))
}

// ChunkList asks for the chunk list of a file that was described, and checks
// that it folds to the file's id. It fails with fault.Corrupt when not.
func (c *HTTPClient) ChunkList(ctx context.Context, entry store.Entry) (content.ChunkList, error) {
	if err := content.CheckSize(entry.Size); err != nil {
		return content.ChunkList{}, err
	}
	r, err := c.ask(ctx, http.MethodGet, entry.Name, chunksQuery, "If-Match", `"`+entry.ID.String()+`"`)
	if err != nil {
		return content.ChunkList{}, err
	}
	defer c.finish(r)
	if r.StatusCode == http.StatusOK && r.Header.Get("Content-Type") != chunksType {
		return content.ChunkList{}, c.stranger(entry.Name, "it has no chunk list")
	}
	return c.listIn(ctx, r, entry.Name, entry.ID, entry.Size)
}

// listIn reads the chunk list in an answer, of a file with that id and size.
func (c *HTTPClient) listIn(ctx context.Context, r *http.Response, name string, id content.ID, size int64) (content.ChunkList, error) {
	want := int64(content.ChunkCount(size)) * content.CVSize
	switch {
	case r.StatusCode != http.StatusOK:
		return content.ChunkList{}, c.statusError(r, name)
	case r.ContentLength != want:
		return content.ChunkList{}, fault.Wrapf(fault.Protocol, "a chunk list of %d bytes came where %d were due", r.ContentLength, want)
	}
	var cvs bytes.Buffer // grows with what arrives, not with what was claimed
	if _, err := io.CopyN(&cvs, r.Body, want); err != nil {
		return content.ChunkList{}, c.explain(ctx, err)
	}
	atEnd(r.Body)
	list, err := content.NewChunkList(size, cvs.Bytes())
	if err != nil {
		return content.ChunkList{}, err
	}
	if list.ID() != id {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "the chunk list of %s belongs to another file (%s)", id.Short(), list.ID().Short())
	}
	return list, nil
}

// atEnd lets net/http see that a body of known length is over, so that its
// connection can be used again.
func atEnd(body io.Reader) { _, _ = body.Read(make([]byte, 1)) }

// hashing is the failure of a server that does not know a file's id yet.
type hashing struct {
	error
	done, total int64 // bytes
}

func (h *hashing) Unwrap() error { return h.error }

// statusError is what a status other than the one hoped for means.
func (c *HTTPClient) statusError(r *http.Response, name string) error {
	said := wordsOf(r)
	switch status := r.StatusCode; {
	case status >= 300 && status < 400:
		return redirected(r, name)
	case status == http.StatusNotFound, status == http.StatusGone:
		return fault.Wrapf(fault.NotFound, "%s has no file %q", c.addr.HostPort, name)
	case status == http.StatusUnauthorized && c.cfg.User == "":
		return wantsLogin()
	case status == http.StatusUnauthorized:
		return fault.Wrapf(fault.Unauthorized, "the server does not know user %q with that password", c.cfg.User)
	case status == http.StatusForbidden:
		return fault.Wrapf(fault.Refused, "the server refuses: %s", said)
	case status == http.StatusPreconditionFailed, status == http.StatusRequestedRangeNotSatisfiable:
		return fault.Wrapf(fault.Changed, "%s is no longer what it was at the server; start again", readable.Text(name))
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return busyError(r, said)
	case status >= 500:
		return fmt.Errorf("the server failed: %s", said)
	case status == http.StatusBadRequest && r.ProtoMinor == 0 && len(r.Header) == 0 && !c.addr.TLS: // it was read as TLS
		return fault.Wrapf(fault.Version, "%s does not speak plain HTTP: use https:// instead of http://", c.addr.HostPort)
	case 0 < c.misread && c.misread <= maxMisread:
		return fault.Wrapf(fault.Protocol, "the request did not arrive as it was sent, says the server: %s", said)
	default:
		return fault.Wrapf(fault.Invalid, "the server answered %s", said)
	}
}

func redirected(r *http.Response, name string) error {
	to, err := r.Location()
	if err != nil {
		return fault.Wrapf(fault.Invalid, "the server answered %s", readable.Text(r.Status))
	}
	if to.Host == r.Request.URL.Host && to.Path == r.Request.URL.Path+"/" {
		return fault.Wrapf(fault.Invalid, "%s is a folder; over HTTP files are fetched one by one, folders with star://", readable.Text(name))
	}
	return fault.Wrapf(fault.Invalid, "the server says that the file is at %s; give that address", readable.Text(to.String()))
}

// busyError is a 503: too much to do, or a file that is still being hashed.
func busyError(r *http.Response, said string) error {
	busy := fault.Later(fault.Wrapf(fault.Busy, "the server is busy: %s", said), retryAfter(r.Header.Get("Retry-After"), time.Now()))
	done, total, ok := strings.Cut(r.Header.Get(workingHeader), "/")
	if !ok {
		return busy
	}
	d, err1 := strconv.ParseInt(done, 10, 64)
	t, err2 := strconv.ParseInt(total, 10, 64)
	if errors.Join(err1, err2) != nil || d < 0 || t < d || content.CheckSize(t) != nil {
		return busy
	}
	return &hashing{busy, d, t}
}

// retryAfter reads a Retry-After, which is in seconds or a date (RFC 9110,
// 10.2.3): a second if it is neither.
func retryAfter(said string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(said, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(said); err == nil {
		return max(at.Sub(now), 0)
	}
	return time.Second
}

// wordsOf returns the status and the first line of what a server says about it.
func wordsOf(r *http.Response) string {
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxText))
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if why := r.Header.Get(whyHeader); why != "" {
		return fmt.Sprintf("%s (%s)", readable.Text(why), readable.Text(r.Status))
	}
	if line == "" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		return readable.Text(r.Status)
	}
	return fmt.Sprintf("%s (%s)", readable.Text(line), readable.Text(r.Status))
}
