package fetch

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/central"
	"starmesh/common/store"
)

// serveWritable serves dir until the test ends, and takes uploads.
func serveWritable(t *testing.T, dir string) central.Address {
	t.Helper()
	folder, err := store.OpenFolder(dir, store.FolderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := central.Listen("127.0.0.1:0", 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := central.NewServer(central.ServerConfig{Folder: folder, Access: central.Access{Writable: true}})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = folder.Run(ctx) })
	running.Go(func() {
		if err := server.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		folder.Close()
	})
	return central.Address{HostPort: ln.Addr().String()}
}

// An upload that was killed goes on for a while at the server, which has not seen
// it end: the next one waits for that, and does not give up.
func TestAnUploadWaitsForItsOwnLastTry(t *testing.T) {
	dir, here := t.TempDir(), t.TempDir()
	addr := serveWritable(t, dir)
	data := bytes.Repeat([]byte("starmesh"), 100_000)
	name := filepath.Join(here, "f")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	files, _, err := Uploads(t.Context(), []string{name}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := central.ClientConfig{Agent: "test"}
	put := func(out Output) *Put {
		return &Put{Client: cfg, Retry: Patience{For: time.Minute}, Out: out}
	}
	// The first has begun, and asks for nothing more.
	slow := put(&heard{})
	held, entry, err := slow.open(t.Context(), files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	c, err := central.Dial(t.Context(), addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		begin := sync.OnceFunc(func() { close(begun); <-end; c.Close() })
		first <- c.Put(t.Context(), held, entry, false, func(int64, int64) { begin() })
	}()
	<-begun
	out := &waits{heard: heard{}, end: sync.OnceFunc(func() { close(end) })}
	if err := put(out).Put(t.Context(), addr, files); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.why, "uploaded already") {
		t.Errorf("it waited for %q", out.why)
	}
	<-first
	if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// waits is an Output that ends something when there is a wait.
type waits struct {
	heard
	why string
	end func()
}

func (w *waits) Waiting(_ string, why error, _ time.Duration) {
	w.why = why.Error()
	w.end()
}
