package central

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/store"
)

// mustHold compares a file in the served folder.
func (s *served) mustHold(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, not the %d put there; %v", name, len(got), len(want), err)
	}
}

func TestPut(t *testing.T) {
	s := startServer(t, writable)
	c := dial(t, s)
	for _, size := range sizes {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			name, data := fmt.Sprintf("up/load/%d", size), noise(size)
			entry := entryOf(t, name, data)
			var last int64
			err := c.Put(t.Context(), fileIn(t, string(data)), entry, false, func(done, total int64) {
				if done < last || done > total || total != int64(size) {
					t.Errorf("%d of %d bytes, after %d", done, total, last)
				}
				last = done
			})
			if err != nil {
				t.Fatal(err)
			}
			s.mustHold(t, name, data)
			info, err := os.Stat(filepath.Join(s.dir, name))
			if err != nil || info.Mode().Perm() != entry.Mode || !info.ModTime().Equal(entry.ModTime) {
				t.Errorf("%v %v, not %v %v; %v", info.Mode(), info.ModTime(), entry.Mode, entry.ModTime, err)
			}
			s.mustGet(t, name, data) // at once, without being hashed again
		})
	}
}

func TestWhatTheClientPutTheServerReceived(t *testing.T) {
	s, meter := startServer(t, writable), new(load.Meter)
	c := dial(t, s, func(c *ClientConfig) { c.Meter = meter })
	data := noise(3<<20 + 5)
	if err := c.Put(t.Context(), fileIn(t, string(data)), entryOf(t, "x", data), false, nil); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.onlyLeft(t, 0)
	s.stop()
	for what, is := range map[string][2]int64{
		"payload":      {meter.PayloadOut.Load(), s.load.PayloadIn.Load()},
		"the file":     {meter.PayloadOut.Load(), int64(len(data))},
		"chunks":       {meter.ChunksOut.Load(), s.load.ChunksIn.Load()},
		"other":        {meter.OtherOut.Load(), s.load.OtherIn.Load()},
		"payload down": {s.load.PayloadOut.Load(), 0},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %d, not %d", what, is[0], is[1])
		}
	}
}

func TestPutOntoAFileThatIsThere(t *testing.T) {
	s := startServer(t, writable)
	old, data := noise(1000), noise(70_000)
	s.add(t, "x", old)
	c := dial(t, s)
	put := func(force bool) error {
		return c.Put(t.Context(), fileIn(t, string(data)), entryOf(t, "x", data), force, nil)
	}
	if err := put(false); !errors.Is(err, fault.Exists) {
		t.Errorf("without force: %v", err)
	}
	s.mustHold(t, "x", old)
	if err := put(true); err != nil {
		t.Errorf("with force: %v", err)
	}
	s.mustHold(t, "x", data)
	s.mustGet(t, "x", data)
}

// TestPutOfANewVersionSendsWhatDiffers: the server has the rest.
func TestPutOfANewVersionSendsWhatDiffers(t *testing.T) {
	s, meter := startServer(t, writable), new(load.Meter)
	old := noise(3 << 20)
	s.add(t, "x", old)
	data := append(bytes.Clone(old), "and more"...)
	data[1<<20]++
	c := dial(t, s, func(c *ClientConfig) { c.Meter = meter })
	if err := c.Put(t.Context(), fileIn(t, string(data)), entryOf(t, "x", data), true, nil); err != nil {
		t.Fatal(err)
	}
	s.mustHold(t, "x", data)
	if sent := meter.PayloadOut.Load(); sent != content.MinChunk+8 {
		t.Errorf("%d bytes were sent", sent)
	}
}

func TestPutOfTooMuch(t *testing.T) {
	s := startServer(t, writable, func(c *ServerConfig) { c.Bounds.Upload = 1000 })
	c := dial(t, s)
	for size, want := range map[int]error{1000: nil, 1001: fault.TooLarge} {
		data := noise(size)
		err := c.Put(t.Context(), fileIn(t, string(data)), entryOf(t, fmt.Sprint(size), data), false, nil)
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, not %v", size, err, want)
		}
	}
}

// TestPutOfMoreThanTheDiskHolds is refused before a byte of it travels: a list
// of 1 TiB is easily made.
func TestPutOfMoreThanTheDiskHolds(t *testing.T) {
	s := startServer(t, writable)
	const size = 1 << 40
	chunks := content.ChunkCount(size)
	list, err := content.NewChunkList(size, make([]byte, chunks*content.CVSize))
	if err != nil {
		t.Fatal(err)
	}
	f := localFile{store.NewMemory(content.ChunkList{}), nil}
	c := dial(t, s)
	err = c.Put(t.Context(), listOnly{f, list}, store.Entry{Name: "x", Size: list.Size(), ID: list.ID(), Mode: 0o644}, false, nil)
	if !errors.Is(err, fault.NoSpace) && !errors.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
	if n := s.load.PayloadIn.Load(); n != 0 {
		t.Errorf("%d bytes travelled", n)
	}
}

// listOnly is a file of which only the list is there.
type listOnly struct {
	localFile
	list content.ChunkList
}

func (f listOnly) Chunks() content.ChunkList { return f.list }

// TestAnUploadThatWasCutOffGoesOn where it stopped: on another connection, to
// a server that was started anew.
func TestAnUploadThatWasCutOffGoesOn(t *testing.T) {
	s := startServer(t, writable)
	data := noise(8 << 20)
	entry, f := entryOf(t, "x", data), fileIn(t, string(data))
	c := dial(t, s)
	killed, sent := make(chan struct{}), 0
	held := &heldUp{localFile: f, before: func() {
		if sent++; sent > 10 {
			<-killed
		}
	}}
	went := make(chan error)
	go func() { went <- c.Put(t.Context(), held, entry, false, nil) }()
	eventually(t, "ten chunks have arrived", func() bool { return s.load.ChunksIn.Load() == 10 })
	s.kill()
	close(killed)
	if err := <-went; !errors.Is(err, fault.Closed) {
		t.Errorf("%v", err)
	}

	again := startServerAt(t, s.dir, s.addr.HostPort, writable)
	var first int64 = -1
	c = dial(t, again)
	err := c.Put(t.Context(), f, entry, false, func(done, _ int64) {
		if first < 0 {
			first = done
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	again.mustHold(t, "x", data)
	if n := again.load.ChunksIn.Load(); first != 10*content.MinChunk || n != int64(len(data)/content.MinChunk)-10 {
		t.Errorf("10 chunks had arrived; it went on at %d bytes, with %d chunks", first, n)
	}
}

func TestTwoUploadsOfOneName(t *testing.T) {
	s := startServer(t, writable)
	data := noise(2 << 20)
	entry, f := entryOf(t, "x", data), fileIn(t, string(data))
	slow, quick := dial(t, s), dial(t, s)
	began, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	held := &heldUp{localFile: f, before: func() { once.Do(func() { close(began) }); <-release }}
	went := make(chan error)
	go func() { went <- slow.Put(t.Context(), held, entry, false, nil) }()
	<-began // its first chunk was asked for: the server works on it
	if err := quick.Put(t.Context(), f, entry, false, nil); !errors.Is(err, fault.InUse) {
		t.Errorf("the second: %v", err)
	}
	close(release)
	if err := <-went; err != nil {
		t.Errorf("the first: %v", err)
	}
	s.mustHold(t, "x", data)
}

// heldUp is a file that is not read from before the test says so.
type heldUp struct {
	localFile
	before func()
}

func (f *heldUp) OS() *os.File {
	f.before()
	return f.localFile.OS()
}
func (f *heldUp) ReadChunk(i int, p []byte) error {
	f.before()
	return f.localFile.ReadChunk(i, p)
}

// TestACancelledUploadEndsAtOnce although the server does not read.
func TestACancelledUploadEndsAtOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		c := &rawClient{t: t, TCPConn: conn.(*net.TCPConn)}
		_ = c.SetReadBuffer(4 << 10)
		c.say(welcome{Version: version})
		c.say(get{Req: 1, First: 0, Count: 160}) // 10 MiB, more than all buffers take
		<-gone
	}()
	c, err := Dial(t.Context(), Address{HostPort: ln.Addr().String()}, ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	data := noise(160 * content.MinChunk)
	entry, f := entryOf(t, "x", data), fileIn(t, string(data))
	ctx, cancel := context.WithCancel(t.Context())
	went := make(chan error)
	go func() { went <- c.Put(ctx, f, entry, false, nil) }()
	eventually(t, "chunks are sent", func() bool { return c.cfg.Meter.ChunksOut.Load() > 0 })
	cancel()
	began := time.Now()
	if err := <-went; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	c.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it ended after %v", took)
	}
}

// TestAnUploadOfAFileThatIsWrittenTo ends at once and says so, and what the server
// has got stays whole.
func TestAnUploadOfAFileThatIsWrittenTo(t *testing.T) {
	s := startServer(t, writable, func(c *ServerConfig) { c.Limits.Down = rate.New(4 << 20) })
	dir := t.TempDir()
	data := noise(8 << 20)
	if err := os.WriteFile(dir+"/f", data, 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	info, _ := os.Stat(dir + "/f")
	entry := entryOf(t, "f", data)
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	held, err := store.OpenHeld(root, "f", list, store.StampOf(info))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	c := dial(t, s)
	write := sync.OnceFunc(func() {
		f, err := os.OpenFile(dir+"/f", os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		f.Write(make([]byte, len(data)))
	})
	began := time.Now()
	err = c.Put(t.Context(), held, entry, false, func(done, _ int64) {
		if done > 1<<20 {
			write()
		}
	})
	if !errors.Is(err, fault.Changed) || c.Alive() {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if _, err := os.Stat(s.dir + "/f"); err == nil {
		t.Error("it took its name")
	}
}
