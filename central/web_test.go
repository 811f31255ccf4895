package central

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// origin is somebody else's web server with one file, /f.bin, and its sidecar.
type origin struct {
	*httptest.Server
	data    []byte
	sidecar []byte
	list    content.ChunkList
	parts   atomic.Int64 // answers to requests for the file
	gives   atomic.Int64 // bytes that were sent of it
	// answer takes over a request for the file, if it is not nil and returns true.
	answer func(http.ResponseWriter, *http.Request) bool
}

func newOrigin(t *testing.T, size int) *origin {
	t.Helper()
	o := &origin{data: noise(size)}
	var err error
	if o.list, err = content.Hash(t.Context(), bytes.NewReader(o.data), int64(size), nil); err != nil {
		t.Fatal(err)
	}
	if o.sidecar, err = (content.Sidecar{List: o.list, Ticket: "mesh:x"}).Encode(); err != nil {
		t.Fatal(err)
	}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, content.SidecarSuffix):
		w.Write(o.sidecar)
	case r.Method == http.MethodHead:
		w.Header().Set("ETag", `"a"`)
	default:
		o.parts.Add(1)
		if o.answer == nil || !o.answer(w, r) {
			o.give(w, r, o.data)
		}
	}
}

// give sends the file, or the part that is asked for.
func (o *origin) give(w http.ResponseWriter, r *http.Request, data []byte) {
	if w.Header().Get("ETag") == "" {
		w.Header().Set("ETag", `"a"`)
	}
	http.ServeContent(&counting{w, &o.gives}, r, "f.bin", time.Unix(1, 0), bytes.NewReader(data))
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// webFile returns the client's side of an address, which is closed when the test ends.
func webFile(t *testing.T, address string, change ...func(*ClientConfig)) (*Web, *load.Meter) {
	t.Helper()
	cfg := ClientConfig{Agent: "test", Timeout: patient, Instruments: Instruments{Meter: new(load.Meter)}}
	for _, f := range change {
		f(&cfg)
	}
	w, err := NewWeb(address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, cfg.Meter
}

// getWeb fetches the file by its sidecar.
func getWeb(t *testing.T, w *Web, cfg transfer.Config) ([]byte, error) {
	t.Helper()
	list, _, err := w.ChunkList(t.Context())
	if err != nil {
		return nil, err
	}
	return fetch(t, list, cfg, w.Source(list))
}

func TestAFileComesFromAnyWebServer(t *testing.T) {
	for _, size := range []int{0, 1, content.MinChunk, 3*content.MinChunk + 5, 2*askBytes + 1} {
		o := newOrigin(t, size)
		w, m := webFile(t, o.URL+"/f.bin?signature=1")
		list, ticket, err := w.ChunkList(t.Context())
		if err != nil || ticket != "mesh:x" || list.ID() != o.list.ID() {
			t.Fatalf("%d bytes: %v, %q, %v", size, list.ID(), ticket, err)
		}
		got, err := fetch(t, list, transfer.Config{}, w.Source(list))
		if err != nil || !bytes.Equal(got, o.data) || m.PayloadIn.Load() != int64(size) {
			t.Errorf("%d bytes: %d came, %d of payload, %v", size, len(got), m.PayloadIn.Load(), err)
		}
		if want := int64(size+askBytes-1) / askBytes; o.parts.Load() != want {
			t.Errorf("%d bytes in %d parts, not %d", size, o.parts.Load(), want)
		}
	}
}

func TestOurOwnServerNeedsNoSidecar(t *testing.T) {
	s := startHTTP(t)
	data := noise(300_000)
	s.add(t, "a b", data)
	w, _ := webFile(t, s.url+"/"+url.PathEscape("a b"))
	if got, err := getWeb(t, w, transfer.Config{}); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestServersThatAreNotAsTheyShouldBe: each is said, and nothing wrong is stored.
func TestServersThatAreNotAsTheyShouldBe(t *testing.T) {
	const size = 5*content.MinChunk + 7
	other := noise(size + 1)
	status := func(code int) func(*origin, http.ResponseWriter, *http.Request) bool {
		return func(_ *origin, w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", code)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(*origin, http.ResponseWriter, *http.Request) bool
		kind   error
		words  string
	}{
		"packed": {func(_ *origin, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte("x"))
			return true
		}, fault.Version, "packed (gzip)"},
		"a page": {func(_ *origin, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, "<html>log in</html>")
			return true
		}, fault.Invalid, "a page for people"},
		"another size": {func(o *origin, w http.ResponseWriter, r *http.Request) bool {
			o.give(w, r, other)
			return true
		}, fault.Changed, fmt.Sprintf("it has %d bytes there", size+1)},
		"other bytes": {func(o *origin, w http.ResponseWriter, r *http.Request) bool {
			o.give(w, r, other[1:])
			return true
		}, fault.Corrupt, "not the file that is sought"},
		"another part": {func(o *origin, w http.ResponseWriter, r *http.Request) bool {
			r.Header.Set("Range", "bytes=1-65536")
			o.give(w, r, o.data)
			return true
		}, fault.Protocol, "where 0-"},
		"signed for a time": {status(http.StatusForbidden), fault.Refused, "signed for a time"},
		"gone":              {status(http.StatusGone), fault.Refused, "what has arrived is kept"},
		"a login":           {status(http.StatusUnauthorized), fault.Unauthorized, "user name and password"},
		"a failure":         {status(http.StatusBadGateway), nil, "the server failed"},
	} {
		o := newOrigin(t, size)
		o.answer = func(w http.ResponseWriter, r *http.Request) bool { return c.answer(o, w, r) }
		w, _ := webFile(t, o.URL+"/f.bin?signature=secret")
		got, err := getWeb(t, w, transfer.Config{})
		if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if len(got) > 0 && bytes.Contains(other, got) {
			t.Errorf("%s: %d bytes of another file were stored", name, len(got))
		}
	}
}

func TestSidecarsOfAServerThatAreNone(t *testing.T) {
	o := newOrigin(t, 1000)
	for name, c := range map[string]struct {
		sidecar []byte
		kind    error
	}{
		"a page":    {[]byte("<html>" + strings.Repeat(" ", 100)), fault.NotFound},
		"cut short": {o.sidecar[:60], fault.NotFound},
		"damaged":   {append(bytes.Clone(o.sidecar[:70]), make([]byte, len(o.sidecar)-70)...), fault.Corrupt},
		"empty":     {nil, fault.NotFound},
	} {
		o.sidecar = c.sidecar
		w, _ := webFile(t, o.URL+"/f.bin")
		if _, _, err := w.ChunkList(t.Context()); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAServerWithoutPartsGivesTheWhole(t *testing.T) {
	o := newOrigin(t, 5*content.MinChunk+7)
	o.answer = func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range")
		o.give(w, r, o.data)
		return true
	}
	w, _ := webFile(t, o.URL+"/f.bin")
	told := 0
	w.OnWhole = func() { told++ }
	got, err := getWeb(t, w, transfer.Config{})
	if err != nil || !bytes.Equal(got, o.data) || told != 1 || o.parts.Load() != 2 {
		t.Errorf("%d bytes, told %d times, %d answers, %v", len(got), told, o.parts.Load(), err)
	}
}

// TestAFileThatIsReplacedInTheMiddle: what came before is kept, and what is wrong
// is called so.
func TestAFileThatIsReplacedInTheMiddle(t *testing.T) {
	o := newOrigin(t, 3*askBytes)
	o.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if o.parts.Load() == 1 {
			return false
		}
		w.Header().Set("ETag", `"b"`)
		o.give(w, r, make([]byte, len(o.data)))
		return true
	}
	w, _ := webFile(t, o.URL+"/f.bin")
	_, err := getWeb(t, w, transfer.Config{})
	if !errors.Is(err, fault.Changed) || !strings.Contains(err.Error(), "replaced while it was fetched") || o.parts.Load() != 2 {
		t.Errorf("after %d parts: %v", o.parts.Load(), err)
	}
}

// TestABusyServerIsAskedAgainWhenItSays, be that in seconds or by a date.
func TestABusyServerIsAskedAgainWhenItSays(t *testing.T) {
	o := newOrigin(t, 1000)
	said := []string{"0", "Sun, 06 Nov 1994 08:49:37 GMT"}
	codes := []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}
	o.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		n := o.parts.Load() - 1
		if n >= 2 {
			return false
		}
		w.Header().Set("Retry-After", said[n])
		w.WriteHeader(codes[n])
		return true
	}
	w, _ := webFile(t, o.URL+"/f.bin")
	var mu sync.Mutex
	var why []error
	got, err := getWeb(t, w, transfer.Config{RetryFor: patient, OnRetry: func(_ string, err error, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		why = append(why, err)
	}})
	if err != nil || !bytes.Equal(got, o.data) || len(why) != 2 || !errors.Is(why[0], fault.Busy) || !errors.Is(why[1], fault.Busy) {
		t.Errorf("%d bytes, %v, %v", len(got), why, err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for said, want := range map[string]time.Duration{
		"7": 7 * time.Second, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:04:00 GMT": 0, "soon": time.Second, "": time.Second,
	} {
		if got := retryAfter(said, now); got != want {
			t.Errorf("Retry-After %q is %v, not %v", said, got, want)
		}
	}
}

// TestAPasswordStaysWithItsServer: it is neither sent on to another one nor in
// the clear, and an address with one in it is refused without quoting it.
func TestAPasswordStaysWithItsServer(t *testing.T) {
	o := newOrigin(t, 1000)
	var first, second atomic.Int64 // requests with a password
	o.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if _, _, ok := r.BasicAuth(); ok {
			second.Add(1)
		}
		return false
	}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); ok {
			first.Add(1)
		}
		http.Redirect(w, r, o.URL+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(door.Close)
	login := func(c *ClientConfig) { c.User, c.Password = "alice", "secret" }
	w, _ := webFile(t, door.URL+"/f.bin", login)
	if got, err := getWeb(t, w, transfer.Config{}); err != nil || !bytes.Equal(got, o.data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if first.Load() == 0 || second.Load() != 0 {
		t.Errorf("the password came %d times to its server and %d times to another", first.Load(), second.Load())
	}
	w, _ = webFile(t, "http://192.0.2.1/f.bin", login)
	if _, _, err := w.ChunkList(t.Context()); !errors.Is(err, fault.Refused) {
		t.Errorf("in the clear: %v", err)
	}
	if _, err := NewWeb("https://alice:secret@host/f", ClientConfig{}); !errors.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret") {
		t.Errorf("in the address: %v", err)
	}
}

// TestWhereOneIsSentMayBeForATime: then the first address is asked again.
func TestWhereOneIsSentMayBeForATime(t *testing.T) {
	o := newOrigin(t, 2*askBytes)
	valid := atomic.Int64{}
	o.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("until") == fmt.Sprint(valid.Load()) {
			return false
		}
		http.Error(w, "over", http.StatusForbidden)
		return true
	}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		valid.Add(1) // the ones before are over
		http.Redirect(w, r, fmt.Sprintf("%s%s?until=%d", o.URL, r.URL.Path, valid.Load()), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(door.Close)
	w, _ := webFile(t, door.URL+"/f.bin")
	list, _, err := w.ChunkList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetch(t, list, transfer.Config{OnChunk: func(c transfer.Chunk) {
		if c.Index == 0 {
			valid.Add(1) // as time does
		}
	}}, w.Source(list))
	if err != nil || !bytes.Equal(got, o.data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	round := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }))
	t.Cleanup(round.Close)
	w, _ = webFile(t, round.URL+"/f.bin")
	if _, _, err := w.ChunkList(t.Context()); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "on and on") {
		t.Errorf("in a circle: %v", err)
	}
}

func TestAProxyOfTheEnvironmentIsUsed(t *testing.T) {
	o := newOrigin(t, 1000)
	asked := atomic.Int64{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "files.example" {
			asked.Add(1)
			o.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	w, _ := webFile(t, "http://files.example/f.bin")
	via, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.client.transport.Proxy = http.ProxyURL(via) // net/http reads the environment once in a process
	if got, err := getWeb(t, w, transfer.Config{}); err != nil || !bytes.Equal(got, o.data) || asked.Load() == 0 {
		t.Errorf("%d bytes, the proxy was asked %d times, %v", len(got), asked.Load(), err)
	}
}

func TestTLSOfAWebServer(t *testing.T) {
	o := newOrigin(t, 1000)
	secure := httptest.NewTLSServer(o)
	t.Cleanup(secure.Close)
	w, _ := webFile(t, secure.URL+"/f.bin#sha256="+Fingerprint(secure.Certificate().Raw))
	if got, err := getWeb(t, w, transfer.Config{}); err != nil || !bytes.Equal(got, o.data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	w, _ = webFile(t, secure.URL+"/f.bin")
	if _, _, err := w.ChunkList(t.Context()); !errors.Is(err, fault.Refused) {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

func TestAddressesThatAreNoneOfAWebServer(t *testing.T) {
	for _, address := range []string{"", "host/f", "star://h/f", "ftp://h/f", "http://", "http://h:0/f", "http://h\x00/f", "https://h/f#x"} {
		if _, err := NewWeb(address, ClientConfig{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
	w, err := NewWeb("https://h/a/b%20c?token=1", ClientConfig{})
	if err != nil || w.Name() != "b c" || w.String() != "https://h/a/b%20c" {
		t.Errorf("%v, %v", w, err)
	}
}

// TestAStoppedFetchEndsAtOnce: whatever the server is doing.
func TestAStoppedFetchEndsAtOnce(t *testing.T) {
	o := newOrigin(t, askBytes)
	ctx, cancel := context.WithCancel(t.Context())
	o.answer = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", askBytes-1, askBytes))
		w.WriteHeader(http.StatusPartialContent)
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	}
	w, _ := webFile(t, o.URL+"/f.bin")
	list, _, err := w.ChunkList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from := make(chan transfer.Source, 1)
	from <- w.Source(list)
	close(from)
	if err := transfer.Fetch(ctx, store.NewMemory(list), from, transfer.Config{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
