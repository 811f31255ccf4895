package central

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// smallFiles are n files of all sizes up to limit, with their entries.
func smallFiles(n, limit int) (files [][]byte, entries []store.Entry) {
	for i := range n {
		p := append(noise(1+rand.N(limit-4)), byte(i), byte(i>>8), byte(i>>16)) // no two alike
		files = append(files, p)
		entries = append(entries, store.Entry{Name: fmt.Sprintf("f%05d", i), Size: int64(len(p)), ID: blake3.Sum256(p)})
	}
	return files, entries
}

// arrivals collects what Whole tells of.
type arrivals struct {
	mu   sync.Mutex
	data map[int][]byte
	errs map[int]error
}

func (a *arrivals) take(i int, p []byte, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.data == nil {
		a.data, a.errs = map[int][]byte{}, map[int]error{}
	}
	if a.errs[i] != nil || a.data[i] != nil {
		return fmt.Errorf("file %d is told of twice", i)
	}
	a.data[i], a.errs[i] = bytes.Clone(p), err
	return nil
}

func TestSmallFilesComeWhole(t *testing.T) {
	s := startServer(t)
	files, entries := smallFiles(600, 5000)
	big, bigEntries := smallFiles(3, MaxWhole)
	files, entries = append(files, big...), append(entries, bigEntries...)
	for i := range bigEntries {
		entries[600+i].Name = "big" + entries[600+i].Name
	}
	for i, e := range entries {
		if i != 77 { // there is no such file
			s.add(t, e.Name, files[i])
		}
	}
	c := dial(t, s)
	for _, e := range entries {
		if e.Name != "f00077" {
			if _, err := c.Describe(t.Context(), e.Name, content.ID{}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got arrivals
	told, err := c.Whole(t.Context(), entries, got.take)
	if err != nil || told != len(entries) {
		t.Fatalf("%d of %d, %v", told, len(entries), err)
	}
	for i := range files {
		switch {
		case i == 77:
			if !errors.Is(got.errs[i], fault.NotFound) && !errors.Is(got.errs[i], fault.Busy) {
				t.Errorf("a file that is not there: %v", got.errs[i])
			}
		case got.errs[i] != nil || !bytes.Equal(got.data[i], files[i]):
			t.Errorf("file %d: %v", i, got.errs[i])
		}
	}
	if _, err := c.Ping(t.Context()); err != nil {
		t.Errorf("the connection is of no more use: %v", err)
	}
}

// giver is a server that a test writes by hand: it greets, and then has serve
// read requests and answer them.
func giver(t *testing.T, serve func(conn net.Conn, next func() get)) Address {
	t.Helper()
	return Address{HostPort: scripted(t, func(conn net.Conn) {
		_, _, _ = frame.Read(conn, maxBody, nil)
		_, _ = conn.Write(frame.Append(nil, typeWelcome, welcome{Version: version, Agent: "by hand"}.append(nil)))
		serve(conn, func() get {
			_, b, _ := frame.Read(conn, maxBody, nil)
			m, _ := decodeGet(b) // nothing at the end of the connection
			return m
		})
	})}
}

func scripted(t *testing.T, serve func(net.Conn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); serve(conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func answer(req uint32, p []byte) []byte {
	return append(appendChunkHead(nil, req, 0, len(p)), p...)
}

func dialed(t *testing.T, a Address) *Client {
	t.Helper()
	c, err := Dial(t.Context(), a, ClientConfig{Timeout: patient, Stall: patient})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestNoRoundTripForASmallFile: a server that answers nothing before it has heard
// of all hears of all.
func TestNoRoundTripForASmallFile(t *testing.T) {
	files, entries := smallFiles(maxAhead, 100)
	c := dialed(t, giver(t, func(conn net.Conn, next func() get) {
		var asked []get
		for range files {
			asked = append(asked, next())
		}
		for i, m := range asked {
			_, _ = conn.Write(answer(m.Req, files[i]))
		}
		_, _ = io.Copy(io.Discard, conn)
	}))
	var got arrivals
	if told, err := c.Whole(t.Context(), entries, got.take); err != nil || told != len(files) || len(got.data) != len(files) {
		t.Fatalf("%d, %v", told, err)
	}
}

// TestACutLeavesWholeFiles: what was told of when the connection broke is told of
// once, and the rest comes over the next one.
func TestACutLeavesWholeFiles(t *testing.T) {
	files, entries := smallFiles(40, 3000)
	addr := giver(t, func(conn net.Conn, next func() get) {
		for n := range 13 {
			m := next()
			for i, e := range entries {
				if e.ID == m.ID && n < 12 {
					_, _ = conn.Write(answer(m.Req, files[i]))
				} else if e.ID == m.ID {
					_, _ = conn.Write(answer(m.Req, files[i])[:20]) // in the middle
				}
			}
		}
	})
	var got arrivals
	for from, cuts := 0, 0; from < len(files); cuts++ {
		base := from
		told, err := dialed(t, addr).Whole(t.Context(), entries[from:], func(i int, p []byte, err error) error { return got.take(base+i, p, err) })
		if from += told; from < len(files) && (told != 12 || err == nil) {
			t.Fatalf("%d after a cut, %v", told, err)
		}
	}
	for i := range files {
		if !bytes.Equal(got.data[i], files[i]) {
			t.Errorf("file %d: %v", i, got.errs[i])
		}
	}
}

// TestWrongSmallFiles: one that does not match its id is that file's failure, and
// what is no answer to what was asked is the connection's.
func TestWrongSmallFiles(t *testing.T) {
	files, entries := smallFiles(3, 100)
	one := func(reply func(i int, m get) []byte) (*arrivals, int, error) {
		c := dialed(t, giver(t, func(conn net.Conn, next func() get) {
			for i := range files {
				_, _ = conn.Write(reply(i, next()))
			}
			_, _ = io.Copy(io.Discard, conn)
		}))
		var got arrivals
		told, err := c.Whole(t.Context(), entries, got.take)
		return &got, told, err
	}
	got, told, err := one(func(i int, m get) []byte {
		p := bytes.Clone(files[i])
		p[0] ^= byte(i & 1) // the one in the middle
		return answer(m.Req, p)
	})
	if err != nil || told != 3 || !errors.Is(got.errs[1], fault.Corrupt) || got.data[1] != nil || got.errs[0] != nil || got.errs[2] != nil {
		t.Errorf("flipped: %d, %v, %v", told, err, got.errs)
	}
	for name, reply := range map[string]func(i int, m get) []byte{
		"another request": func(i int, m get) []byte { return answer(m.Req+1, files[i]) },
		"too short":       func(i int, m get) []byte { return answer(m.Req, files[i][1:]) },
		"too long":        func(i int, m get) []byte { return answer(m.Req, append(files[i], 0)) },
		"a PONG":          func(i int, m get) []byte { return frame.Append(nil, typePong, pong{Req: m.Req}.append(nil)) },
		"another's ERROR": func(i int, m get) []byte {
			return frame.Append(nil, typeError, failureOf(m.Req+1, fault.NotFound).append(nil))
		},
	} {
		if got, told, err := one(reply); err == nil || told != 0 || len(got.data) != 0 {
			t.Errorf("%s: %d, %v", name, told, err)
		}
	}
}

// TestWholeEndsWithWhatItIsToldTo: a full disk, or Ctrl-C.
func TestWholeEndsWithWhatItIsToldTo(t *testing.T) {
	files, entries := smallFiles(1000, 100)
	addr := giver(t, func(conn net.Conn, next func() get) {
		for i := range files[:900] {
			_, _ = conn.Write(answer(next().Req, files[i]))
		}
		_, _ = io.Copy(io.Discard, conn)
	})
	if _, err := dialed(t, addr).Whole(t.Context(), entries, func(i int, _ []byte, _ error) error {
		if i == 500 {
			return fault.Wrapf(fault.NoSpace, "full")
		}
		return nil
	}); !errors.Is(err, fault.NoSpace) {
		t.Errorf("a full disk: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := dialed(t, addr).Whole(ctx, entries, func(i int, _ []byte, _ error) error {
		if i == 899 {
			stop()
		}
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := dialed(t, addr).Whole(t.Context(), []store.Entry{{Name: "large", Size: MaxWhole + 1}}, nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("too large: %v", err)
	}
}
