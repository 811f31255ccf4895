package central

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// fetchUntil is fetch with a context, for those that are to fail.
func fetchUntil(ctx context.Context, list content.ChunkList, cfg transfer.Config, source transfer.Source) error {
	from := make(chan transfer.Source, 1)
	from <- source
	close(from)
	return transfer.Fetch(ctx, store.NewMemory(list), from, cfg)
}

func TestAnIdleServerStopsAtOnce(t *testing.T) {
	s := startServer(t)
	idle, alsoIdle := s.greeted(t), dial(t, s)
	s.stopsWithin(t, time.Second)
	if m, err := decodeBye(idle.hear(typeBye)); err != nil || m.Reason != "the server stops" {
		t.Errorf("%+v, %v", m, err)
	}
	idle.hearEnd()
	if _, err := alsoIdle.Ping(t.Context()); !errors.Is(err, fault.Closed) {
		t.Errorf("a client that did not listen: %v", err)
	}
	if _, err := tryDial(t, s); err == nil {
		t.Error("a server that has stopped let someone in")
	}
}

func TestAServerWithStrangersStopsAtOnce(t *testing.T) {
	s := startServer(t)
	for range 10 {
		s.raw(t) // no HELLO
	}
	s.onlyLeft(t, 10)
	s.stopsWithin(t, time.Second)
}

// TestTheAnswerUnderWayIsFinished, although more requests wait behind it: the
// client gets every byte of it, and then BYE.
func TestTheAnswerUnderWayIsFinished(t *testing.T) {
	s := startServer(t)
	data := noise(maxGet * content.MinChunk) // more than the socket's buffers hold
	s.add(t, "x", data)
	c := s.greeted(t)
	id := s.idOf(t, "x")
	for n := range uint32(3) {
		c.say(get{Req: n, ID: id, First: 0, Count: maxGet})
	}
	got := c.chunk(t)
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	s.refusesNewOnes(t)
	for range maxGet - 1 {
		got = append(got, c.chunk(t)...)
	}
	if !bytes.Equal(got, data) {
		t.Error("the bytes are not those of the file")
	}
	c.hear(typeBye)
	if rest, err := io.ReadAll(c.r); len(rest) != 0 || err != nil {
		t.Errorf("%d bytes after BYE, %v", len(rest), err)
	}
	c.Close()
	<-stopped
}

// chunk takes one CHUNK and gives its payload.
func (c *rawClient) chunk(t *testing.T) []byte {
	t.Helper()
	kind, b, err := frame.Read(c.r, maxBody, nil)
	if err != nil || kind != typeChunk {
		t.Fatalf("%s, %v where CHUNK was due", typeName(kind), err)
	}
	return b[chunkHead:]
}

// refusesNewOnes waits until the server no longer listens.
func (s *served) refusesNewOnes(t *testing.T) {
	t.Helper()
	eventually(t, "the server stops listening", func() bool {
		c, err := Dial(t.Context(), s.addr, ClientConfig{})
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

// TestTheGraceEnds for a client that does not read the answer under way.
func TestTheGraceEnds(t *testing.T) {
	s := startServer(t, withBounds(Bounds{Grace: 200 * time.Millisecond}))
	s.add(t, "x", noise(maxGet*content.MinChunk))
	c := s.greeted(t)
	c.say(get{Req: 1, ID: s.idOf(t, "x"), First: 0, Count: maxGet})
	c.chunk(t)
	s.stopsWithin(t, 5*time.Second)
}

// TestADownloadOutlivesARestart in good order: BYE is no reason to give up.
func TestADownloadOutlivesARestart(t *testing.T) {
	s := startServer(t, slowly)
	data := noise(8 << 20)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	stop := make(chan struct{})
	restarted := make(chan struct{})
	go func() {
		<-stop
		s.stop()
		startServerAt(t, s.dir, s.addr.HostPort)
		close(restarted)
	}()
	once := false
	cfg := transfer.Config{RetryFor: patient, OnChunk: func(transfer.Chunk) {
		if !once {
			once = true
			close(stop)
		}
	}}
	got, err := fetch(t, list, cfg, c.Source(list))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	<-restarted
}

// TestAnUploadIsKeptWhenTheServerStops, as far as it had come.
func TestAnUploadIsKeptWhenTheServerStops(t *testing.T) {
	s := startServer(t, writable)
	data := noise(2 << 20)
	f := fileIn(t, string(data))
	stop := make(chan struct{})
	sent := 0
	held := &heldUp{localFile: f, before: func() {
		if sent++; sent > 5 {
			<-stop
		}
	}}
	c := dial(t, s)
	went := make(chan error)
	go func() { went <- c.Put(t.Context(), held, entryOf(t, "x", data), false, nil) }()
	eventually(t, "five chunks have arrived", func() bool { return s.load.ChunksIn.Load() == 5 })
	s.stopsWithin(t, 3*time.Second)
	close(stop)
	if err := <-went; !errors.Is(err, fault.Closed) {
		t.Errorf("%v", err)
	}
	again := startServerAt(t, s.dir, s.addr.HostPort, writable)
	if err := dial(t, again).Put(t.Context(), f, entryOf(t, "x", data), false, nil); err != nil {
		t.Fatal(err)
	}
	if n := again.load.ChunksIn.Load(); n != int64(len(data)/content.MinChunk)-5 {
		t.Errorf("%d chunks were sent the second time", n)
	}
}

func TestServeTellsWhenItsListenerFails(t *testing.T) {
	s := NewServer(ServerConfig{Folder: startServer(t).folder})
	ln, err := Listen("127.0.0.1:0", 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := s.Serve(t.Context(), ln); err == nil {
		t.Error("it served on a closed socket")
	}
}
