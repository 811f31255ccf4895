package central

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/frame"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is how long a test waits for what must happen at once, on a busy
// machine under the race detector.
const patient = 20 * time.Second

// served is a running server on a folder of its own.
type served struct {
	*Server
	addr   Address
	dir    string
	folder *store.Folder
	load   *load.Meter
	stop   func() // in good order; gives what Serve gave
	served chan error
}

// startServer serves an empty folder on loopback until the test ends. Each
// change sees the configuration before it is used.
func startServer(t *testing.T, change ...func(*ServerConfig)) *served {
	t.Helper()
	return startServerAt(t, t.TempDir(), "127.0.0.1:0", change...)
}

func startServerAt(t *testing.T, dir, addr string, change ...func(*ServerConfig)) *served {
	t.Helper()
	folder, err := store.OpenFolder(dir, store.FolderConfig{Interval: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{dir: dir, folder: folder, load: new(load.Meter), served: make(chan error, 1)}
	cfg := ServerConfig{Folder: folder, Instruments: Instruments{Meter: s.load}, Agent: "test"}
	for _, f := range change {
		f(&cfg)
	}
	ln, err := Listen(addr, 128, cfg.Trace)
	if err != nil {
		t.Fatal(err)
	}
	s.Server, s.addr = NewServer(cfg), Address{HostPort: ln.Addr().String(), TLS: cfg.TLS != nil}
	ctx, cancel := context.WithCancel(context.Background())
	scanned := make(chan error, 1)
	go func() { scanned <- folder.Run(ctx) }()
	go func() { s.served <- s.Serve(ctx, ln) }()
	stopped := false
	s.stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-s.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := errors.Join(<-scanned, folder.Close()); err != nil {
			t.Errorf("folder: %v", err)
		}
	}
	t.Cleanup(s.stop)
	return s
}

func withBounds(b Bounds) func(*ServerConfig) { return func(c *ServerConfig) { c.Bounds = b } }
func withAccess(a Access) func(*ServerConfig) { return func(c *ServerConfig) { c.Access = a } }
func writable(c *ServerConfig)                { c.Access.Writable = true }

// slowly makes 8 MiB take a second.
func slowly(c *ServerConfig) { c.Limits.Up = rate.New(8 << 20) }

// kill ends the server as a crash does: every socket is torn down at once.
func (s *served) kill() {
	s.mu.Lock()
	for conn := range s.links {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		conn.Close()
	}
	s.mu.Unlock()
	s.stop()
}

// noise returns n bytes that are the same for the same n.
func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}).Read(p)
	return p
}

// add puts a file into the served folder, old enough to be hashed at once.
func (s *served) add(t *testing.T, name string, data []byte) {
	t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(filepath.Dir(path), ".temp") // hidden: it appears whole
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := errors.Join(os.Chtimes(temp, old, old), os.Rename(temp, path)); err != nil {
		t.Fatal(err)
	}
}

// dial returns a client of s, which is closed when the test ends.
func dial(t *testing.T, s *served, change ...func(*ClientConfig)) *Client {
	t.Helper()
	c, err := tryDial(t, s, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func tryDial(t *testing.T, s *served, change ...func(*ClientConfig)) (*Client, error) {
	t.Helper()
	cfg := ClientConfig{Agent: "test", Timeout: patient}
	for _, f := range change {
		f(&cfg)
	}
	return Dial(t.Context(), s.addr, cfg)
}

// describeFile asks for a file and its chunk list.
func describeFile(t *testing.T, c *Client, name string) (store.Entry, content.ChunkList) {
	t.Helper()
	entry, err := c.Describe(t.Context(), name, content.ID{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.ChunkList(t.Context(), entry)
	if err != nil {
		t.Fatal(err)
	}
	return entry, list
}

// fetch brings a file into memory from all sources and gives its bytes.
func fetch(t *testing.T, list content.ChunkList, cfg transfer.Config, sources ...transfer.Source) ([]byte, error) {
	t.Helper()
	to := store.NewMemory(list)
	from := make(chan transfer.Source, len(sources))
	for _, s := range sources {
		from <- s
	}
	close(from)
	if err := transfer.Fetch(t.Context(), to, from, cfg); err != nil {
		return nil, err
	}
	return to.Bytes()
}

// mustGet fetches a file over one connection and compares it.
func (s *served) mustGet(t *testing.T, name string, want []byte) {
	t.Helper()
	c := dial(t, s)
	defer c.Close()
	_, list := describeFile(t, c, name)
	got, err := fetch(t, list, transfer.Config{}, c.Source(list))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes, not the %d served; %v", name, len(got), len(want), err)
	}
}

// eventually waits for what other goroutines are about to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); ; {
		began := time.Now()
		if ok() {
			return
		}
		if began.After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
		// To look must not keep what is looked for from coming about.
		time.Sleep(max(time.Millisecond, time.Since(began)))
	}
}

// rawClient is a client that says what a test wants.
type rawClient struct {
	t *testing.T
	*net.TCPConn
	r *bufio.Reader
}

func (s *served) raw(t *testing.T) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr.HostPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patient))
	return &rawClient{t, conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// greeted returns a raw client that has been let in.
func (s *served) greeted(t *testing.T) *rawClient {
	t.Helper()
	c := s.raw(t)
	c.say(hello{Min: version, Max: version, Agent: "raw"})
	c.hear(typeWelcome)
	return c
}

func (c *rawClient) say(m message) {
	c.t.Helper()
	if err := c.sayBytes(frame.Append(nil, m.kind(), m.append(nil))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rawClient) sayBytes(b []byte) error {
	_, err := c.Write(b)
	return err
}

// hear takes the next message, which must be of one type.
func (c *rawClient) hear(want frame.Type) []byte {
	c.t.Helper()
	kind, b, err := frame.Read(c.r, maxBody, nil)
	if err != nil {
		c.t.Fatalf("%v where %s was due", err, typeName(want))
	}
	if kind != want {
		c.t.Fatalf("%s %q where %s was due", typeName(kind), b, typeName(want))
	}
	return b
}

// hearError takes the next message, an ERROR of one kind.
func (c *rawClient) hearError(want error) failure {
	c.t.Helper()
	m, err := decodeFailure(c.hear(typeError))
	if err != nil {
		c.t.Fatal(err)
	}
	if !errors.Is(m.err(), want) {
		c.t.Fatalf("code %d, %q; not %v", m.Code, m.Text, want)
	}
	return m
}

// hearEnd waits until the server has closed the connection.
func (c *rawClient) hearEnd() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.r); isTimeout(err) {
		c.t.Fatal("the server did not close the connection")
	}
}

// hangUp closes without a word, as a process does that was killed.
func (c *rawClient) hangUp() {
	_ = c.SetLinger(0)
	c.Close()
}
