package central

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// Each request costs what it names, and what is answered to it: these tests count
// what the worst ones that the grammar allows have the server take of memory,
// beside a plain one. Time would say the same, but for a busy machine.

// cost is what one request takes: allocations, their bytes, and how much went over
// the wire both ways.
type cost struct{ allocations, bytes, wire float64 }

// within reports whether c is at most ten plain requests, and what is named.
func (c cost) within(plain cost) bool {
	return c.allocations <= 10*plain.allocations+c.wire/8 && c.bytes <= 10*plain.bytes+16*c.wire
}

// costOf has a request made often, and returns what it takes; ask returns how many
// bytes were said and heard.
func costOf(ask func() int) cost {
	const times = 40
	ask() // what is made once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wire := 0
	for range times {
		wire += ask()
	}
	runtime.ReadMemStats(&after)
	return cost{
		float64(after.Mallocs-before.Mallocs) / times, float64(after.TotalAlloc-before.TotalAlloc) / times, float64(wire) / times,
	}
}

// startQuiet serves a folder that is looked through once, so that nothing else is
// counted.
func startQuiet(t *testing.T, dir string) (star, web string) {
	t.Helper()
	folder, err := store.OpenFolder(dir, store.FolderConfig{Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(ServerConfig{Folder: folder, Agent: "test"})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	listen := func() *net.TCPListener {
		ln, err := Listen("127.0.0.1:0", 128, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	raw, pages := listen(), listen()
	go func() { ended <- folder.Run(ctx) }()
	go func() { ended <- s.Serve(ctx, raw) }()
	go func() { ended <- s.ServeHTTP(ctx, pages) }()
	t.Cleanup(func() {
		cancel()
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		_ = folder.Close()
	})
	eventually(t, "all is hashed", func() bool {
		all, _ := folder.Entries("", "", 0)
		for _, e := range all {
			if e.ID.IsZero() {
				return false
			}
		}
		return len(all) > 0
	})
	return raw.Addr().String(), pages.Addr().String()
}

// costly is a folder in which names can be expensive.
func costly(t *testing.T) (dir, deep string) {
	t.Helper()
	dir = t.TempDir()
	old := time.Now().Add(-time.Hour)
	write := func(name string, size int) {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, noise(size), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(at, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write("flat", 3*content.MinChunk)
	deep = strings.Repeat("a/", content.MaxElements-2)
	for i := range 50 {
		write(fmt.Sprintf("%s%d/x", deep, i), 10+i)
		write(fmt.Sprintf("wide/%d", i), 1000) // equal contents
	}
	return dir, deep
}

// speaker says whole messages to a server, and hears what is answered.
type speaker struct {
	t *testing.T
	net.Conn
	in   *bufio.Reader
	rest []byte
}

func speakTo(t *testing.T, addr string) *speaker {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &speaker{t, c, bufio.NewReader(c), make([]byte, 64<<10)}
}

// asks returns what says a request and hears the last message of its answer.
func (c *speaker) asks(m message) func() int {
	b := frame.Append(nil, m.kind(), m.append(nil))
	return func() int {
		_ = c.SetDeadline(time.Now().Add(patient))
		_, _ = c.Write(b)
		for n := len(b); ; {
			head, err := c.in.Peek(frame.HeaderSize)
			if err != nil {
				c.t.Fatal(err)
			}
			kind, size := frame.Type(head[4]), int(binary.BigEndian.Uint32(head))
			more := kind == typeEntries
			if _, err := io.ReadFull(c.in, c.rest[:frame.HeaderSize+min(size, 5)]); err != nil {
				c.t.Fatal(err)
			}
			more = more && c.rest[frame.HeaderSize+4] == 1
			if _, err := c.in.Discard(size - min(size, 5)); err != nil {
				c.t.Fatal(err)
			}
			if n += frame.HeaderSize + size; !more || !m.(list).isLong() {
				return n
			}
		}
	}
}

func TestARequestCostsWhatItNames(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("names are looked up an element at a time here")
	}
	dir, deep := costly(t)
	addr, _ := startQuiet(t, dir)
	c := speakTo(t, addr)
	c.asks(hello{Min: version, Max: version, Agent: "test"})()
	chunks, err := content.Hash(t.Context(), strings.NewReader(string(noise(3*content.MinChunk))), 3*content.MinChunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	flat, long := chunks.ID(), strings.Repeat(strings.Repeat("b", content.MaxElement)+"/", 15)+"c"
	places := make([]string, MaxPlaces)
	for i := range places {
		places[i] = strings.Repeat(fmt.Sprint(i), maxPlace)
	}
	plain := costOf(c.asks(describe{Name: "flat"}))
	t.Logf("%-32s %+v", "DESCRIBE", plain)
	for _, row := range []struct {
		what string
		say  message
	}{
		{"DESCRIBE, deep", describe{Name: deep + "0/x"}},
		{"DESCRIBE, deep, not there", describe{Name: deep + "0/y"}},
		{"DESCRIBE, deep, nothing there", describe{Name: strings.ReplaceAll(deep, "a", "b") + "x"}},
		{"DESCRIBE, long", describe{Name: long}},
		{"DESCRIBE by id", describe{ID: flat}},
		{"DESCRIBE by an unknown id", describe{ID: content.ID{1}}},
		{"PROOF", proof{ID: flat, Count: 1}},
		{"PROOF out of range", proof{ID: flat, First: 9, Count: maxValues}},
		{"GET", get{ID: flat, Count: 1}},
		{"GET out of range", get{ID: flat, First: 9, Count: maxGet}},
		{"GET, unknown", get{ID: content.ID{1}, Count: 1}},
		{"LIST of one", list{Limit: 1}},
		{"LIST of one, deep", list{Limit: 1, Prefix: deep + "7"}},
		{"LIST of one, the last", list{Limit: 1, After: "wide/8"}},
		{"LIST of one, nothing there", list{Limit: 1, Prefix: long}},
		{"LIST of a folder each", list{Limit: 40, Prefix: deep[:len(deep)-1]}},
		{"LIST of all", list{Limit: 1<<16 - 1}},
		{"MEET", meet{ID: flat, Places: places}},
		{"MEET, unknown", meet{ID: content.ID{1}, Places: places}},
		{"PUT, read-only", put{Entry: store.Entry{Name: deep + "0/new", Size: 1 << 40}}},
	} {
		got := costOf(c.asks(row.say))
		t.Logf("%-32s %+v", row.what, got)
		if !got.within(plain) {
			t.Errorf("%s takes %+v, a plain one %+v", row.what, got, plain)
		}
	}
}

// TestAWatchCostsLittle: a connection may have several, and there may be many
// connections.
func TestAWatchCostsLittle(t *testing.T) {
	dir, _ := costly(t)
	addr, _ := startQuiet(t, dir)
	got := costOf(func() int {
		c := speakTo(t, addr)
		defer c.Close()
		c.asks(hello{Min: version, Max: version, Agent: "test"})()
		for range 8 {
			c.asks(watch{})()
		}
		return 0
	})
	if got.bytes > 512<<10 {
		t.Errorf("a connection with 8 watches takes %.0f bytes", got.bytes)
	}
	t.Logf("%+v", got)
}

func TestAnHTTPRequestCostsWhatItNames(t *testing.T) {
	dir, deep := costly(t)
	_, addr := startQuiet(t, dir)
	c := speakTo(t, addr)
	asks := func(what string) func() int {
		method, rest, _ := strings.Cut(what, " ")
		uri, header, _ := strings.Cut(rest, "\n")
		b := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n", method, uri)
		if header != "" {
			b += header + "\r\n"
		}
		r := &http.Request{Method: method}
		return func() int {
			_ = c.SetDeadline(time.Now().Add(patient))
			_, _ = io.WriteString(c, b+"\r\n")
			answer, err := http.ReadResponse(c.in, r)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return len(b) + int(n)
		}
	}
	plain := costOf(asks("HEAD /flat"))
	t.Logf("%-32s %+v", "HEAD", plain)
	for what, say := range map[string]string{
		"GET, deep":                   "GET /" + deep + "0/x",
		"GET, deep, not there":        "GET /" + deep + "0/y",
		"GET, nothing there":          "GET /" + strings.Repeat("b/", 2000) + "c",
		"GET, long":                   "GET /" + strings.Repeat("%41", 2000),
		"a folder, redirected":        "GET /" + deep + "0",
		"a folder":                    "GET /wide/",
		"a folder of folders":         "GET /" + deep,
		"HEAD of a folder of folders": "HEAD /" + deep,
		"a folder, after":             "GET /?after=" + strings.Repeat("z", 4000),
		"a folder, with much asked":   "GET /?" + strings.Repeat("a=1&", 500),
		"a file, with much asked":     "GET /flat?" + strings.Repeat("a=1&", 500),
		"the chunks":                  "GET /flat?chunks",
		"a range":                     "GET /flat\nRange: bytes=0-0",
		"16 ranges":                   "GET /flat\nRange: bytes=" + strings.Repeat("1-1,", 15) + "1-1",
		"2,000 ranges":                "HEAD /flat\nRange: bytes=" + strings.Repeat("1-1,", 2000) + "1-1",
		"8,000 commas":                "HEAD /flat\nRange: bytes=" + strings.Repeat(",", 8000),
		"If-Range":                    "HEAD /flat\nRange: bytes=0-0\r\nIf-Range: \"" + strings.Repeat("x", 8000) + `"`,
		"If-Match":                    "HEAD /flat\nIf-Match: " + strings.Repeat(`"x",`, 2000) + `"x"`,
		"If-None-Match":               "HEAD /flat\nIf-None-Match: " + strings.Repeat(`"x",`, 2000) + `"x"`,
		"100 headers":                 "HEAD /flat" + "\n" + strings.Repeat("X: y\r\n", 99) + "X: y",
		"POST":                        "POST /flat",
	} {
		got := costOf(asks(say))
		t.Logf("%-32s %+v", what, got)
		if !got.within(plain) {
			t.Errorf("%s takes %+v, a plain one %+v", what, got, plain)
		}
	}
}
