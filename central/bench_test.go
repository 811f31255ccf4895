package central

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// drain takes every chunk, verifies it and forgets it: the client without its
// disk.
type drain struct {
	list content.ChunkList
}

func (d drain) Chunks() content.ChunkList        { return d.list }
func (d drain) Have() content.Set                { return content.NewSet(d.list.Len()) }
func (d drain) WriteChunk(i int, p []byte) error { return d.list.Verify(i, p) }

// benchServer serves one file of size bytes over loopback.
func benchServer(b *testing.B, size int64) (Address, content.ChunkList) {
	b.Helper()
	dir := b.TempDir()
	path := filepath.Join(dir, "x")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	block := noise(1 << 20)
	for range size / int64(len(block)) {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	f.Close()
	old := time.Now().Add(-time.Hour)
	_ = os.Chtimes(path, old, old)
	folder, err := store.OpenFolder(dir, store.FolderConfig{})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := Listen("127.0.0.1:0", 128, nil)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- folder.Run(ctx) }()
	go func() { done <- NewServer(ServerConfig{Folder: folder}).Serve(ctx, ln) }()
	b.Cleanup(func() {
		cancel()
		_, _ = <-done, <-done
		folder.Close()
	})
	_, list, err := folder.Describe(ctx, "x", nil)
	if err != nil {
		b.Fatal(err)
	}
	return Address{HostPort: ln.Addr().String()}, list
}

func BenchmarkGet(b *testing.B) {
	const size = 256 << 20
	for _, conns := range []int{1, 4} {
		b.Run(fmt.Sprint(conns, " connections"), func(b *testing.B) {
			addr, list := benchServer(b, size)
			b.SetBytes(size)
			for b.Loop() {
				from := make(chan transfer.Source, conns)
				for range conns {
					from <- NewSource(addr, ClientConfig{}, list)
				}
				close(from)
				if err := transfer.Fetch(b.Context(), drain{list}, from, transfer.Config{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPing is one request and its answer.
func BenchmarkPing(b *testing.B) {
	addr, _ := benchServer(b, 1<<20)
	c, err := Dial(b.Context(), addr, ClientConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Ping(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
