package central

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

var sizes = []int{0, 1, content.MinChunk - 1, content.MinChunk, content.MinChunk + 1, 1_000_003, 5<<20 + 7}

// localFile is a file on this machine, as Put takes one.
type localFile struct {
	*store.Memory
	os *os.File
}

func (f localFile) OS() *os.File   { return f.os }
func (f localFile) Changed() error { return nil }

// fileIn returns data as a file that can be uploaded.
func fileIn(t *testing.T, data string) localFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	list, err := content.Hash(t.Context(), strings.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := store.NewMemory(list)
	for i := range list.Len() {
		if err := m.WriteChunk(i, []byte(data)[list.Offset(i):][:list.ChunkLen(i)]); err != nil {
			t.Fatal(err)
		}
	}
	return localFile{m, f}
}

func names(t *testing.T, c *Client, prefix string) []string {
	t.Helper()
	var all []string
	for e, err := range c.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Name)
	}
	return all
}

func TestPing(t *testing.T) {
	c := dial(t, startServer(t))
	for range 3 {
		if rtt, err := c.Ping(t.Context()); err != nil || rtt <= 0 || rtt > patient {
			t.Errorf("%v, %v", rtt, err)
		}
	}
}

func TestListIsPaged(t *testing.T) {
	s := startServer(t)
	const files = 2*maxListLimit + 345
	var want []string
	for n := range files {
		want = append(want, fmt.Sprintf("many/%04d", n))
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "many"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.add(t, "manyfold", nil) // not in the folder many
	s.add(t, "zoo", nil)
	c := dial(t, s)
	eventually(t, "all files are seen", func() bool { return len(names(t, c, "")) == files+2 })
	if got := names(t, c, "many"); !slices.Equal(got, want) {
		t.Errorf("%d names in the folder, not %d", len(got), len(want))
	}
	if got := names(t, c, "many/0007"); !slices.Equal(got, []string{"many/0007"}) {
		t.Errorf("one file: %v", got)
	}
	if got := names(t, c, "nothing"); len(got) != 0 {
		t.Errorf("nothing: %v", got)
	}
	if got := names(t, c, ""); !slices.Equal(got, append(want, "manyfold", "zoo")) {
		t.Errorf("%d names in all, the last %v", len(got), got[len(got)-3:])
	}
}

// TestALongListIsOneRequest: where the server can, a page costs no round trip; and
// files that have gone since they were seen end no list.
func TestALongListIsOneRequest(t *testing.T) {
	s := startServer(t)
	const files = 3*maxListLimit + 7
	for n := range files {
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("%04d", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	long, short := dial(t, s), dial(t, s)
	short.listLimit = maxListLimit // as with a server that has no such lists
	eventually(t, "all files are seen", func() bool { return len(names(t, long, "")) == files })
	for c, want := range map[*Client]uint32{long: 1, short: 4} {
		before := c.req
		if got := len(names(t, c, "")); got != files || c.req-before != want {
			t.Errorf("%d names came with %d requests, not %d with %d", got, c.req-before, files, want)
		}
	}
	for n := range 2 * maxListLimit {
		if err := os.Remove(filepath.Join(s.dir, fmt.Sprintf("%04d", n))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*Client{long, short} {
		if got := len(names(t, c, "")); got != files-2*maxListLimit {
			t.Errorf("%d names once others have gone, not %d", got, files-2*maxListLimit)
		}
	}
}

// TestALongListThatIsTooLong: a server does not make a client keep more than it has
// asked for.
func TestALongListThatIsTooLong(t *testing.T) {
	addr := giver(t, func(conn net.Conn, next func() get) {
		next()
		for n := 0; ; n++ {
			page := entries{Req: 1, More: true}
			for i := range maxListLimit {
				page.Entries = append(page.Entries, store.Entry{Name: fmt.Sprintf("%06d-%06d", n, i)})
			}
			if _, err := conn.Write(frame.Append(nil, typeEntries, page.append(nil))); err != nil {
				return
			}
		}
	})
	c, err := Dial(t.Context(), addr, ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.listLimit = 2*maxListLimit + 1
	if _, _, err := c.list(t.Context(), list{Req: c.next(), Limit: c.listLimit}); !errors.Is(err, fault.Protocol) {
		t.Error(err)
	}
}

// TestAPageEndsWhenItsMessageIsFull: names may be 4 KiB long, a message has
// 256 KiB.
func TestAPageEndsWhenItsMessageIsFull(t *testing.T) {
	s := startServer(t)
	long := strings.Repeat(strings.Repeat("d", 200)+"/", 14) // under the system's limit for a path
	const files = 150
	s.add(t, long+"x", nil)
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for n := range files - 1 {
		if err := root.WriteFile(fmt.Sprintf("%s%03d", long, n), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, s)
	eventually(t, "all files are listed", func() bool { return len(names(t, c, "")) == files })
}

func TestDescribeByNameAndByID(t *testing.T) {
	s := startServer(t)
	data := noise(200_000)
	s.add(t, "folder/x", data)
	s.knows(t, 1)
	c := dial(t, s)
	want := entryOf(t, "folder/x", data)
	byName, err := c.Describe(t.Context(), "folder/x", content.ID{}, nil)
	if err != nil || byName.ID != want.ID || byName.Size != want.Size || byName.Mode != 0o644 || time.Since(byName.ModTime) < 59*time.Minute {
		t.Errorf("%+v, %v", byName, err)
	}
	byID, err := c.Describe(t.Context(), "", want.ID, nil)
	if err != nil || byID.Name != "folder/x" || !byID.ModTime.Equal(byName.ModTime) {
		t.Errorf("%+v, %v", byID, err)
	}
	for what, f := range map[string]func() error{
		"a name": func() error { _, err := c.Describe(t.Context(), "y", content.ID{}, nil); return err },
		"an id":  func() error { _, err := c.Describe(t.Context(), "", content.ID{1}, nil); return err },
	} {
		if err := f(); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s that is not there: %v", what, err)
		}
	}
}

// TestDescribeTellsHowFarTheHashIs: a server that takes its time is not silent.
func TestDescribeTellsHowFarTheHashIs(t *testing.T) {
	s := startServer(t)
	path := filepath.Join(s.dir, "large")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 3 << 30 // a hole: it costs no disk, and a while to hash
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = c.Describe(ctx, "large", content.ID{}, func(done, total int64) {
		if done > total || total != size && total != 0 {
			t.Errorf("%d of %d bytes", done, total)
		}
		cancel() // once is enough
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestGetOverOneAndFourConnections(t *testing.T) {
	for _, conns := range []int{1, 4} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%d bytes over %d", size, conns), func(t *testing.T) {
				s := startServer(t)
				data := noise(size)
				s.add(t, "x", data)
				c := dial(t, s)
				_, list := describeFile(t, c, "x")
				all := []transfer.Source{c.Source(list)}
				for range conns - 1 {
					all = append(all, NewSource(s.addr, ClientConfig{}, list))
				}
				got, err := fetch(t, list, transfer.Config{}, all...)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes came, %v", len(got), err)
				}
			})
		}
	}
}

// TestWhatTheServerSentTheClientReceived: nothing is counted twice or lost.
func TestWhatTheServerSentTheClientReceived(t *testing.T) {
	for _, conns := range []int{1, 4} {
		s, meter := startServer(t), new(load.Meter)
		data := noise(5<<20 + 7)
		s.add(t, "x", data)
		in := Instruments{Meter: meter}
		cfg := ClientConfig{Instruments: in}
		c := dial(t, s, func(c *ClientConfig) { c.Instruments = in })
		_, list := describeFile(t, c, "x")
		all := []transfer.Source{c.Source(list)}
		for range conns - 1 {
			all = append(all, NewSource(s.addr, cfg, list))
		}
		if _, err := fetch(t, list, transfer.Config{Counter: in.Meter}, all...); err != nil {
			t.Fatal(err)
		}
		c.Close()
		s.onlyLeft(t, 0)
		s.stop() // by now the server has counted everything
		for what, is := range map[string][2]int64{
			"payload":      {s.load.PayloadOut.Load(), meter.PayloadIn.Load()},
			"the file":     {s.load.PayloadOut.Load(), int64(len(data))},
			"chunks":       {s.load.ChunksOut.Load(), meter.ChunksIn.Load()},
			"other down":   {s.load.OtherOut.Load(), meter.OtherIn.Load()},
			"other up":     {s.load.OtherIn.Load(), meter.OtherOut.Load()},
			"payload up":   {s.load.PayloadIn.Load() + meter.PayloadOut.Load(), 0},
			"bad or again": {meter.ChunksBad.Load() + meter.AgainIn.Load(), 0},
		} {
			if is[0] != is[1] {
				t.Errorf("%d connections, %s: %d, not %d", conns, what, is[0], is[1])
			}
		}
	}
}

// spoiler is a source that delivers its first chunk three times: spoiled on the
// way, right, and once more.
type spoiler struct{ transfer.Source }

func (s spoiler) Run(ctx context.Context, w transfer.Wanted) error {
	return s.Source.Run(ctx, &spoiling{Wanted: w})
}

type spoiling struct {
	transfer.Wanted
	done bool
}

func (s *spoiling) Deliver(i int, p []byte) error {
	if s.done {
		return s.Wanted.Deliver(i, p)
	}
	s.done = true
	if err := s.Wanted.Deliver(i, make([]byte, len(p))); !errors.Is(err, fault.Corrupt) {
		return fmt.Errorf("zeros were delivered: %v", err)
	}
	return errors.Join(s.Wanted.Deliver(i, p), s.Wanted.Deliver(i, p))
}

// TestChunksAreCountedByWhatBecameOfThem, as in the mesh: its test of the same
// name expects the same three numbers.
func TestChunksAreCountedByWhatBecameOfThem(t *testing.T) {
	s, meter := startServer(t), new(load.Meter)
	data := noise(3 * content.MinChunk)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	got, err := fetch(t, list, transfer.Config{Counter: meter}, spoiler{c.Source(list)})
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came, %v", len(got), err)
	}
	in, again, bad := meter.ChunksIn.Load(), meter.AgainIn.Load(), meter.ChunksBad.Load()
	if in != 3+1 || again != content.MinChunk || bad != 1 {
		t.Errorf("3 stored, 1 repeated, 1 corrupt: counted %d in, %d bytes again, %d bad", in, again, bad)
	}
}

// TestOneConnectionFetchesManyFiles, one after the other.
func TestOneConnectionFetchesManyFiles(t *testing.T) {
	s := startServer(t)
	c := dial(t, s)
	for n, size := range sizes {
		name, data := fmt.Sprint("file", n), noise(size)
		s.add(t, name, data)
		_, list := describeFile(t, c, name)
		got, err := fetch(t, list, transfer.Config{}, c.Source(list))
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if !c.Alive() {
		t.Error("the connection was used up although nothing went wrong")
	}
}

func TestAFileThatChangesWhileItIsFetched(t *testing.T) {
	s := startServer(t, slowly)
	data := noise(8 << 20)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	var once sync.Once
	cfg := transfer.Config{RetryFor: time.Minute, OnChunk: func(transfer.Chunk) {
		once.Do(func() { s.add(t, "x", noise(1000)) })
	}}
	_, err := fetch(t, list, cfg, c.Source(list))
	// The old file goes on to exist for whoever has it open; a new connection
	// would not find it.
	if err != nil && !errors.Is(err, fault.Changed) && !errors.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestAFileThatShrinksWhileItIsFetched(t *testing.T) {
	s := startServer(t)
	s.add(t, "x", noise(32<<20)) // more than all buffers hold
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	var once sync.Once
	cfg := transfer.Config{RetryFor: time.Minute, OnChunk: func(transfer.Chunk) {
		once.Do(func() {
			if err := os.Truncate(filepath.Join(s.dir, "x"), 1<<20); err != nil {
				t.Error(err)
			}
		})
	}}
	if _, err := fetch(t, list, cfg, c.Source(list)); !errors.Is(err, fault.Changed) && !errors.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

// TestWatch: the server speaks first.
func TestWatch(t *testing.T) {
	s := startServer(t, withBounds(Bounds{Idle: 50 * time.Millisecond}))
	s.add(t, "a/there before", []byte("x"))
	bored := s.greeted(t)
	bored.hear(typeBye) // so much for the idle time-out; a watcher is not idle
	events := make(chan store.Event, 10)
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error)
	c := dial(t, s)
	begun := make(chan struct{})
	go func() { watched <- c.Watch(ctx, "a", func() { close(begun) }, func(e store.Event) { events <- e }) }()

	next := func(kind store.EventKind, name string) store.Entry {
		t.Helper()
		for {
			select {
			case e := <-events:
				if e.Entry.Name == "a/there before" && kind == store.Appeared {
					continue // its hash may become known before or after the watch begins
				}
				if e.Kind != kind || e.Entry.Name != name {
					t.Fatalf("%d %q, not %d %q", e.Kind, e.Entry.Name, kind, name)
				}
				return e.Entry
			case <-time.After(patient):
				t.Fatalf("no event where %d %q was due", kind, name)
			}
		}
	}
	select {
	case <-begun:
	case err := <-watched:
		t.Fatalf("no watch: %v", err)
	case <-time.After(patient):
		t.Fatal("the watch has not begun")
	}
	s.add(t, "b", []byte("not watched"))
	s.add(t, "a/x", []byte("one"))
	if e := next(store.Appeared, "a/x"); e.ID != entryOf(t, "a/x", []byte("one")).ID {
		t.Errorf("the id is %s", e.ID)
	}
	s.add(t, "a/x", []byte("another"))
	if e := next(store.Changed, "a/x"); e.ID != entryOf(t, "a/x", []byte("another")).ID || e.Size != 7 {
		t.Errorf("changed to %+v", e)
	}
	if err := os.Remove(filepath.Join(s.dir, "a/x")); err != nil {
		t.Fatal(err)
	}
	next(store.Gone, "a/x")
	cancel()
	if err := <-watched; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAWatchEndsWithTheServer(t *testing.T) {
	s := startServer(t)
	c := dial(t, s)
	watched := make(chan error)
	go func() { watched <- c.Watch(t.Context(), "", func() {}, func(store.Event) {}) }()
	s.onlyLeft(t, 1)
	s.stop()
	if err := <-watched; !errors.Is(err, fault.Closed) {
		t.Errorf("%v", err)
	}
}
