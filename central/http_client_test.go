package central

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// httpClient returns a client of a server's HTTP side, which is closed when the
// test ends, and what it counts.
func httpClient(t *testing.T, url string, change ...func(*ClientConfig)) (*HTTPClient, *load.Meter, *load.Sockets) {
	t.Helper()
	a, err := ParseAddress(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ClientConfig{Agent: "test", Timeout: patient, Instruments: Instruments{Meter: new(load.Meter), Sockets: new(load.Sockets)}}
	for _, f := range change {
		f(&cfg)
	}
	c := NewHTTPClient(a, cfg)
	t.Cleanup(func() { c.Close() })
	return c, cfg.Meter, cfg.Sockets
}

func connPerRequest(c *ClientConfig) { c.ConnPerRequest = true }

// get describes a file over HTTP, fetches it and gives its bytes.
func (c *HTTPClient) get(t *testing.T, name string, cfg transfer.Config) ([]byte, error) {
	t.Helper()
	list, err := c.listOf(t, name)
	if err != nil {
		return nil, err
	}
	return fetch(t, list, cfg, c.Source(name, list))
}

// listOf describes a file over HTTP and gives its chunk list.
func (c *HTTPClient) listOf(t *testing.T, name string) (content.ChunkList, error) {
	entry, err := c.Describe(t.Context(), name, content.ID{}, nil)
	if err != nil {
		return content.ChunkList{}, err
	}
	return c.ChunkList(t.Context(), entry)
}

// settled waits until a client's connections are closed, and returns how many
// there were.
func settled(t *testing.T, c *HTTPClient, m *load.Meter) int64 {
	t.Helper()
	c.Close()
	conns := func() load.Conns {
		return load.NewReporter(load.Info{}, m, new(load.Sockets)).Sample(load.Sample).Conns
	}
	eventually(t, "the client's connections are closed", func() bool { return conns().ConnsOpen == 0 })
	return conns().ConnsTotal
}

func TestFilesComeOverHTTPAsTheyAre(t *testing.T) {
	const chunk = content.MinChunk
	for way, change := range map[string]func(*ClientConfig){
		"one connection": func(*ClientConfig) {}, "a connection for each request": connPerRequest,
	} {
		t.Run(way, func(t *testing.T) {
			w := startHTTP(t)
			for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 5*chunk + 17} {
				name, data := fmt.Sprintf("a b?/%d%%", size), noise(size)
				w.add(t, name, data)
				c, m, sockets := httpClient(t, w.url, change)
				got, err := c.get(t, name, transfer.Config{})
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%d bytes: %d came, %v", size, len(got), err)
				}
				chunks := int64(content.ChunkCount(int64(size)))
				want := int64(1)
				if way != "one connection" {
					want = 2 + chunks // HEAD, chunk list, chunks
				}
				if conns := settled(t, c, m); conns != want {
					t.Errorf("%d bytes over %d connections, not %d", size, conns, want)
				}
				if m.PayloadIn.Load() != int64(size) {
					t.Errorf("%d bytes: %d of payload", size, m.PayloadIn.Load())
				}
				out, in, ok := sockets.Wire()
				if ok && (out != m.OtherOut.Load() || in != m.OtherIn.Load()+int64(size)) {
					t.Errorf("%d bytes: the kernel counted %d out and %d in, the meter %d and %d besides the payload",
						size, out, in, m.OtherOut.Load(), m.OtherIn.Load())
				}
			}
		})
	}
}

// TestBothEndsOfHTTPCountTheSame: every byte that one sends the other receives,
// and under the same name.
func TestBothEndsOfHTTPCountTheSame(t *testing.T) {
	w := startHTTP(t)
	w.add(t, "x", noise(700_000))
	c, m, _ := httpClient(t, w.url)
	if _, err := c.get(t, "x", transfer.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Describe(t.Context(), "nothing", content.ID{}, nil); !errors.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	settled(t, c, m)
	w.onlyLeft(t, 0)
	if m.PayloadIn.Load() != w.load.PayloadOut.Load() || m.OtherIn.Load() != w.load.OtherOut.Load() || m.OtherOut.Load() != w.load.OtherIn.Load() {
		t.Errorf("received %d and %d, sent %d; the server sent %d and %d, received %d", m.PayloadIn.Load(), m.OtherIn.Load(), m.OtherOut.Load(),
			w.load.PayloadOut.Load(), w.load.OtherOut.Load(), w.load.OtherIn.Load())
	}
}

// TestTotalsNeverShrinkOverHTTP: a reader of load logs would not believe them.
func TestTotalsNeverShrinkOverHTTP(t *testing.T) {
	limited := func(c *ServerConfig) { c.Limits.Up = rate.New(200 << 20) }
	for _, serve := range []func(*ServerConfig){func(*ServerConfig) {}, limited} {
		for _, ask := range []func(*ClientConfig){func(*ClientConfig) {}, connPerRequest} {
			w := startHTTP(t, serve)
			w.add(t, "x", noise(8<<20))
			c, m, _ := httpClient(t, w.url, ask)
			watched := neverShrinks(t, &w.load.PayloadOut, &w.load.OtherOut, &m.PayloadIn, &m.OtherIn)
			if _, err := c.get(t, "x", transfer.Config{}); err != nil {
				t.Fatal(err)
			}
			settled(t, c, m)
			watched()
		}
	}
}

// neverShrinks looks at totals without a pause until what it gives is called.
func neverShrinks(t *testing.T, totals ...*atomic.Int64) (end func()) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		was := make([]int64, len(totals))
		for {
			for i, total := range totals {
				is := total.Load()
				if is < was[i] {
					t.Errorf("total %d went from %d to %d", i, was[i], is)
					return
				}
				was[i] = is
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	return func() { close(stop); <-ended }
}

func TestSeveralConnectionsShareAFileOverHTTP(t *testing.T) {
	w := startHTTP(t, slowly)
	data := noise(2 << 20)
	w.add(t, "x", data)
	c, m, _ := httpClient(t, w.url)
	list, err := c.listOf(t, "x")
	if err != nil {
		t.Fatal(err)
	}
	more := func() transfer.Source { return NewSource(c.addr.At("x"), c.cfg, list) }
	got, err := fetch(t, list, transfer.Config{Counter: m}, c.Source("x", list), more(), more())
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if conns := settled(t, c, m); conns != 3 {
		t.Errorf("%d connections, not 3", conns)
	}
	if m.AgainIn.Load() != 0 || m.PayloadIn.Load() != int64(len(data)) {
		t.Errorf("%d bytes came, %d of them again", m.PayloadIn.Load(), m.AgainIn.Load())
	}
}

func TestHTTPSWithUsersAndPins(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	w := startHTTP(t, tls, withAccess(Access{Users: users(t, nil, "alice")}))
	data := noise(200_000)
	w.add(t, "x", data)
	alice := func(c *ClientConfig) { c.User, c.Password = "alice", "ecila" }
	c, m, _ := httpClient(t, w.url+"#sha256="+fingerprint, alice)
	if got, err := c.get(t, "x", transfer.Config{}); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if settled(t, c, m); m.PayloadIn.Load() != 200_000 {
		t.Errorf("%d bytes of payload", m.PayloadIn.Load())
	}
	for what, try := range map[string]struct {
		url    string
		change func(*ClientConfig)
		want   error
	}{
		"no user":           {w.url + "#sha256=" + fingerprint, func(*ClientConfig) {}, fault.Unauthorized},
		"a wrong password":  {w.url + "#sha256=" + fingerprint, func(c *ClientConfig) { c.User, c.Password = "alice", "x" }, fault.Unauthorized},
		"another server":    {w.url + "#sha256=" + strings.Repeat("0", 64), alice, fault.Refused},
		"plain HTTP to TLS": {"http" + strings.TrimPrefix(w.url, "https"), alice, fault.Version},
	} {
		c, m, _ := httpClient(t, try.url, try.change)
		if _, err := c.get(t, "x", transfer.Config{}); !errors.Is(err, try.want) {
			t.Errorf("%s: %v", what, err)
		}
		settled(t, c, m)
	}
}

func TestHTTPWhereNoneIsSpoken(t *testing.T) {
	s := startServer(t)
	c, m, _ := httpClient(t, "http://"+s.addr.HostPort)
	if _, err := c.get(t, "x", transfer.Config{}); !errors.Is(err, fault.Version) || !strings.Contains(err.Error(), "star://") {
		t.Errorf("HTTP to the raw port: %v", err)
	}
	settled(t, c, m)
	c, m, _ = httpClient(t, startHTTP(t).url)
	c.addr.TLS = true
	if _, err := c.get(t, "x", transfer.Config{}); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "http://") {
		t.Errorf("HTTPS to the plain port: %v", err)
	}
	settled(t, c, m)
	a, _ := ParseAddress("http://127.0.0.1:1")
	if _, err := Dial(t.Context(), a, ClientConfig{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("the raw protocol to an http:// address: %v", err)
	}
}

func TestWhatCannotBeFetchedOverHTTP(t *testing.T) {
	w := startHTTP(t)
	w.add(t, "folder/x", noise(10))
	w.knows(t, 1)
	c, m, _ := httpClient(t, w.url)
	for name, want := range map[string]error{"folder": fault.Invalid, "": fault.Invalid, "nothing": fault.NotFound} {
		if _, err := c.get(t, name, transfer.Config{}); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	settled(t, c, m)
}

// TestTheServersHashingIsToldOverHTTP: progress, until the id is known.
func TestTheServersHashingIsToldOverHTTP(t *testing.T) {
	asked := 0
	site := foreign(t, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 3 {
			w.Header().Set("Retry-After", "0")
			w.Header().Set(workingHeader, fmt.Sprintf("%d/100", asked*40))
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("ETag", etagOf(t, noise(100)))
		w.Header().Set("Content-Length", "100")
	})
	c, _, _ := httpClient(t, site)
	for entry, err := range c.List(t.Context(), "x") {
		if err != nil || !entry.ID.IsZero() || entry.Size != 100 {
			t.Errorf("listed while it is hashed: %+v, %v", entry, err)
		}
	}
	var told []int64
	entry, err := c.Describe(t.Context(), "x", content.ID{}, func(done, total int64) { told = append(told, done, total) })
	if err != nil || entry.Size != 100 || fmt.Sprint(told) != "[80 100]" {
		t.Errorf("%+v, %v; told of %v", entry, err, told)
	}
}

// TestTheChunkListOverHTTP: as anybody may ask for it.
func TestTheChunkListOverHTTP(t *testing.T) {
	w := startHTTP(t)
	data := noise(300_000)
	w.add(t, "x", data)
	entry := entryOf(t, "x", data)
	r, body := w.ask(t, "GET", "/x?chunks", "If-Match", etagOf(t, data))
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/vnd.starmesh.chunks" || r.Header.Get("ETag") != etagOf(t, data) {
		t.Errorf("%s %v", r.Status, r.Header)
	}
	list, err := content.NewChunkList(300_000, []byte(body))
	if err != nil || list.ID() != entry.ID {
		t.Errorf("it does not fold to the id: %v", err)
	}
	if r, _ := w.ask(t, "GET", "/x?chunks", "If-Match", `"other"`); r.StatusCode != 412 {
		t.Errorf("of another file: %s", r.Status)
	}
	if r, _ := w.ask(t, "GET", "/y?chunks"); r.StatusCode != 404 {
		t.Errorf("of none: %s", r.Status)
	}
	if sent := w.load.PayloadOut.Load(); sent != 0 {
		t.Errorf("%d bytes of it were counted as payload", sent)
	}
}

func TestAFetchOverHTTPGoesOnWhenTheServerIsBack(t *testing.T) {
	w := startHTTP(t, slowly)
	data := noise(4 << 20)
	w.add(t, "x", data)
	c, m, _ := httpClient(t, w.url)
	var retries atomic.Int32
	arrived := make(chan struct{}, 1000)
	broken := make(chan struct{})
	go func() {
		defer close(broken)
		for range 5 {
			<-arrived
		}
		w.tear()
	}()
	got, err := c.get(t, "x", transfer.Config{
		RetryFor: patient,
		Counter:  m,
		OnChunk:  func(transfer.Chunk) { arrived <- struct{}{} },
		OnRetry:  func(string, error, time.Duration) { retries.Add(1) },
	})
	<-broken
	if err != nil || !bytes.Equal(got, data) || m.AgainIn.Load() != 0 {
		t.Errorf("%d bytes, %d again, %v", len(got), m.AgainIn.Load(), err)
	}
	if retries.Load() == 0 && settled(t, c, m) < 2 {
		t.Error("nothing was interrupted")
	}
}

// tear breaks every connection, as a network does.
func (s *served) tear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.links {
		conn.Close()
	}
}

func TestAnHTTPSourceEndsWithItsContext(t *testing.T) {
	w := startHTTP(t, slowly)
	w.add(t, "x", noise(8<<20))
	c, m, _ := httpClient(t, w.url)
	list, err := c.listOf(t, "x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	from := make(chan transfer.Source, 1)
	from <- c.Source("x", list)
	close(from)
	err = transfer.Fetch(ctx, store.NewMemory(list), from, transfer.Config{OnChunk: func(transfer.Chunk) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	settled(t, c, m)
}
