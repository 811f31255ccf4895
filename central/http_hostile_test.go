package central

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/transfer"
)

// foreign is an HTTP server that is not ours, and gives its address.
func foreign(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	site := httptest.NewServer(handler)
	t.Cleanup(site.Close)
	return site.URL
}

// deceiver serves one file as our server does, but for what a test has it say
// instead.
type deceiver struct {
	data   []byte
	list   content.ChunkList
	head   http.HandlerFunc // instead of the answer to HEAD
	chunks http.HandlerFunc // instead of the chunk list
	part   http.HandlerFunc // instead of a part
}

func newDeceiver(t *testing.T) *deceiver {
	t.Helper()
	data := noise(3*content.MinChunk + 5)
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &deceiver{data: data, list: list}
}

func (d *deceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"`+d.list.ID().String()+`"`)
	instead, body := d.part, d.data
	switch {
	case r.Method == http.MethodHead:
		instead = d.head
	case r.URL.RawQuery == chunksQuery:
		w.Header().Set("Content-Type", chunksType)
		instead, body = d.chunks, d.list.Bytes()
	}
	if instead != nil {
		instead(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		http.Error(w, "the site's own words\nand more of them", code)
	}
}

// part answers a range as f says, of the right beginning and end.
func part(f func(w http.ResponseWriter, from, to int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f(w, from, to)
	}
}

// sends answers a range of size bytes with body, and a header that may lie.
func sends(w http.ResponseWriter, from, to, size int, body []byte) {
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, size))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(body)
}

// TestARequestThatIsBentOnItsWayIsMadeAgain: a server calls it a bad one; only
// who always says so is believed.
func TestARequestThatIsBentOnItsWayIsMadeAgain(t *testing.T) {
	for bad, want := range map[int]error{1: nil, maxMisread: nil, 1000: fault.Invalid} {
		d, left := newDeceiver(t), bad
		addr := foreign(t, func(w http.ResponseWriter, r *http.Request) {
			if left--; left >= 0 {
				http.Error(w, "400 Bad Request", http.StatusBadRequest)
				return
			}
			d.ServeHTTP(w, r)
		})
		c, _, _ := httpClient(t, addr)
		var err error
		for range maxMisread + 1 {
			if _, err = c.Describe(t.Context(), "x", content.ID{}, nil); err == nil || fault.Final(err) {
				break
			}
		}
		if !errors.Is(err, want) {
			t.Errorf("after %d bad ones: %v", bad, err)
		}
	}
}

// TestHTTPServersThatDeceive: nothing wrong is taken, nothing is held up, and
// the failure says what it was.
func TestHTTPServersThatDeceive(t *testing.T) {
	for name, c := range map[string]struct {
		change func(d *deceiver)
		want   error  // nil: any
		says   string // part of the failure
	}{
		"no ETag":               {func(d *deceiver) { d.head = func(w http.ResponseWriter, _ *http.Request) { w.Header().Del("ETag") } }, fault.Version, "curl -O 'http://"},
		"an ETag that is no id": {func(d *deceiver) { d.head = status(200, "ETag", `W/"5f-abc"`) }, fault.Version, "no starmesh server"},
		"no length":             {func(d *deceiver) { d.head = func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() } }, fault.Version, "no starmesh server"},
		"an absurd length": {func(d *deceiver) {
			d.head = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(content.MaxSize+1))
			}
		}, fault.TooLarge, "16 TiB"},
		"not there":           {func(d *deceiver) { d.head = status(404) }, fault.NotFound, `no file "x"`},
		"gone":                {func(d *deceiver) { d.head = status(410) }, fault.NotFound, `no file "x"`},
		"not allowed":         {func(d *deceiver) { d.chunks = status(403) }, fault.Refused, "the site's own words (403"},
		"a password":          {func(d *deceiver) { d.head = status(401) }, fault.Unauthorized, "wants a user name"},
		"it fails":            {func(d *deceiver) { d.part = status(500) }, nil, "the server failed"},
		"a teapot":            {func(d *deceiver) { d.head = status(418) }, fault.Invalid, "418"},
		"a loop":              {func(d *deceiver) { d.head = status(302, "Location", "/x") }, fault.Invalid, "give that address"},
		"away from here":      {func(d *deceiver) { d.part = status(307, "Location", "http://elsewhere.example/x\u202e") }, fault.Invalid, "elsewhere.example"},
		"a redirect to none":  {func(d *deceiver) { d.head = status(302) }, fault.Invalid, "302"},
		"no chunk list":       {func(d *deceiver) { d.chunks = status(200) }, fault.Version, "no chunk list"},
		"the file for a list": {func(d *deceiver) { d.chunks = d.file }, fault.Version, "no chunk list"},
		"a list that is too long": {func(d *deceiver) {
			d.chunks = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "100000000000") }
		}, fault.Protocol, "100000000000 bytes"},
		"a list that is too short": {func(d *deceiver) {
			d.chunks = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(d.list.Bytes()[:64]) }
		}, fault.Protocol, "64 bytes"},
		"a list cut off": {func(d *deceiver) {
			d.chunks = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "128")
				_, _ = w.Write(d.list.Bytes()[:64])
			}
		}, fault.Closed, "went away"},
		"another file's list": {func(d *deceiver) {
			d.chunks = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 128)) }
		}, fault.Corrupt, "another file"},
		"the whole file for a part": {func(d *deceiver) { d.part = d.file }, fault.Version, "takes ranges away"},
		"another part": {func(d *deceiver) {
			d.part = part(func(w http.ResponseWriter, from, to int) { sends(w, from+1, to+1, len(d.data), d.data[from:to+1]) })
		}, fault.Protocol, "came where"},
		"of another size": {func(d *deceiver) {
			d.part = part(func(w http.ResponseWriter, from, to int) { sends(w, from, to, 17, d.data[from:to+1]) })
		}, fault.Protocol, "came where"},
		"a part with more bytes": {func(d *deceiver) {
			d.part = part(func(w http.ResponseWriter, from, to int) { sends(w, from, to, len(d.data), make([]byte, to-from+2)) })
		}, fault.Protocol, "a part of"},
		"a part of unknown length": {func(d *deceiver) {
			d.part = part(func(w http.ResponseWriter, from, to int) {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(d.data)))
				w.WriteHeader(http.StatusPartialContent)
				w.(http.Flusher).Flush()
			})
		}, fault.Protocol, "a part of -1"},
		"a part cut off": {func(d *deceiver) {
			d.part = part(func(w http.ResponseWriter, from, to int) {
				w.Header().Set("Content-Length", strconv.Itoa(to-from+1))
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(d.data)))
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(d.data[from : from+100])
			})
		}, fault.Closed, "went away"},
		"wrong bytes": {func(d *deceiver) {
			d.part = part(func(w http.ResponseWriter, from, to int) { sends(w, from, to, len(d.data), make([]byte, to-from+1)) })
		}, fault.Corrupt, "does not match"},
		"a changed file":  {func(d *deceiver) { d.part = status(412) }, fault.Changed, "no longer what it was"},
		"a shorter file":  {func(d *deceiver) { d.part = status(416) }, fault.Changed, "no longer what it was"},
		"an endless head": {func(d *deceiver) { d.head = status(200, "X-Long", strings.Repeat("x", 100_000)) }, nil, "over HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeceiver(t)
			c.change(d)
			client, m, _ := httpClient(t, foreign(t, d.ServeHTTP))
			got, err := client.get(t, "x", transfer.Config{})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d bytes came; %v", len(got), err)
			}
			if err != nil && strings.ContainsRune(err.Error(), '\u202e') {
				t.Errorf("the failure plays tricks on the reader: %q", err)
			}
			settled(t, client, m)
		})
	}
}

// file answers with the whole file, as a plain web server does that knows
// neither queries nor ranges.
func (d *deceiver) file(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(d.data)))
	_, _ = w.Write(d.data)
}

// TestWrongBytesOverHTTPAreFetchedAgain: once may be the wire.
func TestWrongBytesOverHTTPAreFetchedAgain(t *testing.T) {
	d, once := newDeceiver(t), true
	d.part = part(func(w http.ResponseWriter, from, to int) {
		body := append([]byte(nil), d.data[from:to+1]...)
		if once {
			body[100] ^= 1
		}
		once = false
		sends(w, from, to, len(d.data), body)
	})
	c, m, _ := httpClient(t, foreign(t, d.ServeHTTP))
	got, err := c.get(t, "x", transfer.Config{RetryFor: patient, Counter: m})
	if err != nil || !bytes.Equal(got, d.data) || m.ChunksBad.Load() != 1 {
		t.Errorf("%d bytes, %d bad chunks, %v", len(got), m.ChunksBad.Load(), err)
	}
	settled(t, c, m)
}

// TestABusyHTTPServerIsAskedAgainWhenItSays: not before, and not for ever.
func TestABusyHTTPServerIsAskedAgainWhenItSays(t *testing.T) {
	for given, want := range map[string]time.Duration{"7": 7 * time.Second, "0": 0, "": time.Second, "Sun, 06 Nov 1994 08:49:37 GMT": 0, "-5": time.Second} {
		d := newDeceiver(t)
		d.head = status(503, "Retry-After", given)
		c, m, _ := httpClient(t, foreign(t, d.ServeHTTP))
		_, err := c.get(t, "x", transfer.Config{})
		if !errors.Is(err, fault.Busy) || fault.RetryAfter(err) != want {
			t.Errorf("Retry-After %q: again after %v, %v", given, fault.RetryAfter(err), err)
		}
		settled(t, c, m)
	}
	for _, lie := range []string{"", "5", "-1/7", "8/7", "a/b", "1/99999999999999999999", fmt.Sprintf("1/%d", content.MaxSize+1)} {
		d := newDeceiver(t)
		d.head = status(503, workingHeader, lie)
		c, m, _ := httpClient(t, foreign(t, d.ServeHTTP))
		if _, err := c.get(t, "x", transfer.Config{}); !errors.Is(err, fault.Busy) {
			t.Errorf("%s %q: %v", workingHeader, lie, err)
		}
		settled(t, c, m)
	}
}

// TestHTTPServersThatSayNothing: neither at the front of an answer nor in it.
func TestHTTPServersThatSayNothing(t *testing.T) {
	for name, says := range map[string]string{
		"nothing":      "",
		"half a head":  "HTTP/1.1 200 OK\r\nContent-",
		"half a body":  "HTTP/1.1 200 OK\r\nContent-Type: " + chunksType + "\r\nContent-Length: 128\r\n\r\nabc",
		"a wrong head": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, m, _ := httpClient(t, "http://"+mute(t, says), func(c *ClientConfig) { c.Stall = 100 * time.Millisecond })
			entry := entryOf(t, "x", newDeceiver(t).data)
			began := time.Now()
			if _, err := c.ChunkList(t.Context(), entry); err == nil || time.Since(began) > patient {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			settled(t, c, m)
		})
	}
}

// mute is a server that hears, says one thing, and then nothing any more.
func mute(t *testing.T, says string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, says)
		}
		_, _ = io.Copy(io.Discard, conn) // until the client has gone
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	return ln.Addr().String()
}
