package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func openCache(t testing.TB) (*store.Cache, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deep", "hashes")
	c, err := store.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// oldFile writes a file whose time is long ago.
func oldFile(t testing.TB, name string, data []byte) store.Stamp {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return store.StampOf(info)
}

func TestCacheRemembersAFileAsItWas(t *testing.T) {
	c, dir := openCache(t)
	for _, size := range storetest.Sizes {
		list := storetest.List(t, storetest.Content(size))
		stamp := store.Stamp{Size: size, ModTime: past.UnixNano(), Inode: 5}
		if _, ok := c.Lookup("/a/f", stamp); ok {
			t.Error("it knows what it was not told")
		}
		if err := c.Remember("/a/f", stamp, list); err != nil {
			t.Fatal(err)
		}
		for _, again := range []*store.Cache{c, reopen(t, dir)} {
			got, ok := again.Lookup("/a/f", stamp)
			if !ok || got.ID() != list.ID() || got.Size() != size || !bytes.Equal(got.Bytes(), list.Bytes()) {
				t.Errorf("%d bytes: %v, another list", size, ok)
			}
		}
		for _, other := range []store.Stamp{
			{Size: size + 1, ModTime: stamp.ModTime, Inode: 5}, {Size: size, ModTime: stamp.ModTime + 1, Inode: 5},
			{Size: size, ModTime: stamp.ModTime, Inode: 6}, {},
		} {
			if _, ok := c.Lookup("/a/f", other); ok {
				t.Errorf("%d bytes: it takes %v for %v", size, other, stamp)
			}
		}
		if _, ok := c.Lookup("/a/g", stamp); ok {
			t.Error("it takes one file for another")
		}
	}
}

func reopen(t testing.TB, dir string) *store.Cache {
	t.Helper()
	c, err := store.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNoCacheRemembersNothing(t *testing.T) {
	var c *store.Cache
	list := storetest.List(t, nil)
	if err := c.Remember("/f", store.Stamp{}, list); err != nil {
		t.Error(err)
	}
	if _, ok := c.Lookup("/f", store.Stamp{}); ok {
		t.Error("it remembered")
	}
}

func TestCacheDoesNotRememberWhatMayStillChangeUnseen(t *testing.T) {
	c, _ := openCache(t)
	list := storetest.List(t, nil)
	for _, age := range []time.Duration{0, 10 * time.Millisecond, -10 * time.Millisecond} {
		stamp := store.Stamp{ModTime: time.Now().Add(-age).UnixNano()}
		if err := c.Remember("/f", stamp, list); err != nil {
			t.Error(err)
		}
		if _, ok := c.Lookup("/f", stamp); ok {
			t.Errorf("it remembered a file written to %s ago", age)
		}
	}
}

func TestCacheIgnoresDamage(t *testing.T) {
	c, dir := openCache(t)
	list := storetest.List(t, storetest.Content(3*content.MinChunk))
	stamp := store.Stamp{Size: list.Size(), ModTime: 1}
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":   func([]byte) []byte { return nil },
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"longer":  func(b []byte) []byte { return append(b, 0) },
		"bit":     func(b []byte) []byte { b[len(b)-40] ^= 1; return b },
		"magic":   func(b []byte) []byte { b[0] ^= 1; return b },
		"garbage": func([]byte) []byte { return bytes.Repeat([]byte("x"), 500) },
	} {
		if err := c.Remember("/f", stamp, list); err != nil {
			t.Fatal(err)
		}
		entries := files(t, dir)
		if len(entries) != 1 {
			t.Fatalf("%q", entries)
		}
		entry := filepath.Join(dir, entries[0])
		b, _ := os.ReadFile(entry)
		os.WriteFile(entry, damage(b), 0o600)
		if _, ok := c.Lookup("/f", stamp); ok {
			t.Errorf("%s: it was believed", name)
		}
	}
}

func TestCacheDropsWhatNobodyAskedForIn90Days(t *testing.T) {
	c, dir := openCache(t)
	list := storetest.List(t, nil)
	stamp := store.Stamp{ModTime: 1}
	// Entries fall into 256 folders; with so many, some share one.
	path := func(i int) string { return fmt.Sprintf("/f%d", i) }
	for i := range 600 {
		if err := c.Remember(path(i), stamp, list); err != nil {
			t.Fatal(err)
		}
	}
	age := func(d time.Duration) {
		then := time.Now().Add(-d)
		for _, name := range files(t, dir) {
			if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
				t.Fatal(err)
			}
		}
	}
	age(89 * 24 * time.Hour)
	c = reopen(t, dir)
	for i := range 600 {
		c.Remember(path(600+i), stamp, list)
	}
	if got := len(files(t, dir)); got != 1200 {
		t.Fatalf("%d entries after 89 days, not 1200", got)
	}
	age(91 * 24 * time.Hour)
	c = reopen(t, dir)
	for i := range 10 {
		if _, ok := c.Lookup(path(i), stamp); !ok { // asked for: kept
			t.Error("dropped before anything was added")
		}
	}
	for i := range 2000 {
		c.Remember(path(1200+i), stamp, list)
	}
	if got := len(files(t, dir)); got < 2010 || got > 2011+5 {
		t.Errorf("%d entries after 91 days, not the 2010 that were used since", got)
	}
	for i := range 10 {
		if _, ok := c.Lookup(path(i), stamp); !ok {
			t.Errorf("%s was asked for and dropped", path(i))
		}
	}
}

func TestCacheUsedByManyAtOnce(t *testing.T) {
	c, _ := openCache(t)
	var group sync.WaitGroup
	lists := []content.ChunkList{storetest.List(t, nil), storetest.List(t, storetest.Content(1)), storetest.List(t, storetest.Content(5*content.MinChunk))}
	for k, list := range lists {
		stamp := store.Stamp{Size: list.Size(), ModTime: 1, Inode: uint64(k)}
		for range 2 {
			group.Go(func() {
				for range 100 {
					if err := c.Remember("/f", stamp, list); err != nil {
						t.Error(err)
					}
					if got, ok := c.Lookup("/f", stamp); ok && got.ID() != list.ID() {
						t.Error("another file's list")
					}
				}
			})
		}
	}
	group.Wait()
}

func TestDefaultCacheDir(t *testing.T) {
	dir, err := store.DefaultCacheDir()
	if err == nil && !strings.HasSuffix(filepath.ToSlash(dir), "/starmesh/hashes") {
		t.Error(dir)
	}
}

func TestHashFileReadsOnce(t *testing.T) {
	c, _ := openCache(t)
	data := storetest.Content(3<<20 + 1)
	name := filepath.Join(t.TempDir(), "f")
	oldFile(t, name, data)
	for _, want := range []int64{int64(len(data)), 0} {
		var read atomic.Int64
		list, err := store.HashFile(t.Context(), name, c, func(n int64) { read.Add(n) })
		if err != nil || list.ID() != storetest.List(t, data).ID() {
			t.Fatal(list.ID(), err)
		}
		if read.Load() != want {
			t.Errorf("%d bytes were read, not %d", read.Load(), want)
		}
	}
	data[7]++
	os.WriteFile(name, data, 0o666)
	if list, err := store.HashFile(t.Context(), name, c, nil); err != nil || list.ID() != storetest.List(t, data).ID() {
		t.Error("the old id of a changed file", err)
	}
}

func TestHashFileOfWhatChangesMeanwhile(t *testing.T) {
	data := storetest.Content(3 << 20)
	for name, change := range map[string]func(file string) error{
		"written": func(file string) error { return os.WriteFile(file, data[1:], 0o666) },
		"cut":     func(file string) error { return os.Truncate(file, 10) },
		"touched": func(file string) error { return os.Chtimes(file, past, past.Add(1)) },
	} {
		file := filepath.Join(t.TempDir(), "f")
		oldFile(t, file, data)
		var once sync.Once
		_, err := store.HashFile(t.Context(), file, nil, func(int64) {
			once.Do(func() {
				if err := change(file); err != nil {
					t.Error(err)
				}
			})
		})
		if !errors.Is(err, fault.Changed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHashFileOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := store.HashFile(t.Context(), dir, nil, nil); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "a folder") {
		t.Error("a folder:", err)
	}
	if _, err := store.HashFile(t.Context(), dir+"/none", nil, nil); !errors.Is(err, fault.NotFound) {
		t.Error("nothing:", err)
	}
	if err := makePipe(dir + "/pipe"); err == nil {
		if _, err := store.HashFile(t.Context(), dir+"/pipe", nil, nil); !errors.Is(err, fault.Invalid) {
			t.Error("a pipe:", err)
		}
	}
	oldFile(t, dir+"/f", storetest.Content(100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.HashFile(ctx, dir+"/f", nil, nil); !errors.Is(err, context.Canceled) {
		t.Error("after the end:", err)
	}
}

func FuzzDecodeCached(f *testing.F) {
	c, dir := openCache(f)
	list := storetest.List(f, storetest.Content(100))
	stamp := store.Stamp{Size: 100, ModTime: 1}
	c.Remember("/f", stamp, list)
	b, _ := os.ReadFile(filepath.Join(dir, files(f, dir)[0]))
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		store.DecodeCached(b, [32]byte{}, stamp)
	})
}
