package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func TestDescribeKnowsWhatNoScanHasSeen(t *testing.T) {
	dir := t.TempDir()
	data := storetest.Content(3*content.MinChunk + 1)
	oldFile(t, dir+"/a/f", data)
	f := quietFolder(t, dir, store.FolderConfig{})
	events, stop := f.Watch("")
	defer stop()
	if _, err := f.Open("a/f"); !errors.Is(err, fault.NotFound) {
		t.Error("opened before it was hashed:", err)
	}
	e, list, err := f.Describe(t.Context(), "a/f", nil)
	if err != nil || e.ID != storetest.List(t, data).ID() || list.ID() != e.ID || e.Name != "a/f" || e.Size != list.Size() {
		t.Fatal(e, err)
	}
	if got := next(t, events); got.Kind != store.Appeared || got.Entry != e {
		t.Error(got)
	}
	if entries, _ := f.Entries("", "", 0); len(entries) != 1 || entries[0] != e {
		t.Error(entries)
	}
	byID, list, err := f.ByID(e.ID)
	if err != nil || byID != e || list.Len() != 4 {
		t.Error(byID, err)
	}
	if _, _, err := f.ByID(content.ID{1}); !errors.Is(err, fault.Busy) {
		t.Error("before any scan nobody can know:", err)
	}
	store.ScanAt(t.Context(), f, time.Now())
	if _, _, err := f.ByID(content.ID{1}); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestDescribeNoticesEveryChange(t *testing.T) {
	dir := t.TempDir()
	oldFile(t, dir+"/f", []byte("one"))
	f := quietFolder(t, dir, store.FolderConfig{})
	events, stop := f.Watch("")
	defer stop()
	first, _, err := f.Describe(t.Context(), "f", nil)
	if err != nil {
		t.Fatal(err)
	}
	next(t, events)
	os.WriteFile(dir+"/f", []byte("two"), 0o666) // written this very moment
	second, _, err := f.Describe(t.Context(), "f", nil)
	if err != nil || second.ID != storetest.List(t, []byte("two")).ID() {
		t.Fatal(second, err)
	}
	if e := next(t, events); e.Kind != store.Changed || e.Entry != second {
		t.Error(e)
	}
	store.ScanAt(t.Context(), f, time.Now())
	if _, _, err := f.ByID(first.ID); !errors.Is(err, fault.Changed) {
		t.Error("the old content is still known:", err)
	}
	os.Chtimes(dir+"/f", past, past) // another time, the same content: nothing to tell
	if _, _, err = f.Describe(t.Context(), "f", nil); err != nil {
		t.Fatal(err)
	}
	os.Remove(dir + "/f")
	if _, _, err := f.Describe(t.Context(), "f", nil); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if e := next(t, events); e.Kind != store.Gone || e.Entry.Name != "f" || e.Entry.ID != second.ID {
		t.Error(e)
	}
}

// sparse makes a file of zeros that takes seconds to hash and no disk.
func sparse(t testing.TB, name string, size int64) {
	t.Helper()
	oldFile(t, name, nil)
	if err := os.Truncate(name, size); err != nil {
		t.Skip("no sparse files here:", err)
	}
	os.Chtimes(name, past, past)
}

func TestDescribeTellsOfItsProgressAndStopsWithItsCallers(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir+"/f", 1<<40)
	f := quietFolder(t, dir, store.FolderConfig{})
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			calls, last, start := 0, int64(-1), time.Now()
			_, _, err := f.Describe(ctx, "f", func(done, total int64) {
				if total != 1<<40 || done < last {
					t.Errorf("%d of %d after %d", done, total, last)
				}
				last = done
				if calls++; calls == 4 {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if took := time.Since(start); took > patience {
				t.Errorf("four reports took %s", took)
			}
		})
	}
	group.Wait() // goleak sees to it that the hashing has ended
}

func TestCallersWhoWaitForTheSameFileShareTheWork(t *testing.T) {
	dir := t.TempDir()
	data := storetest.Content(20 << 20)
	oldFile(t, dir+"/f", data)
	c, _ := openCache(t)
	f := quietFolder(t, dir, store.FolderConfig{Cache: c})
	started := store.CountJobs(f, "f", func() {
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				if e, _, err := f.Describe(t.Context(), "f", nil); err != nil || e.Size != 20<<20 {
					t.Error(e, err)
				}
			})
		}
		group.Wait()
	})
	if started != 1 {
		t.Errorf("the file was hashed %d times", started)
	}
}

func TestOneCallerGivesUpAndTheOthersGetTheFile(t *testing.T) {
	dir := t.TempDir()
	oldFile(t, dir+"/f", storetest.Content(16<<20))
	f := quietFolder(t, dir, store.FolderConfig{})
	for range 5 {
		var group sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for range 4 {
			group.Go(func() {
				if _, _, err := f.Describe(ctx, "f", nil); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			group.Go(func() {
				if _, _, err := f.Describe(t.Context(), "f", nil); err != nil {
					t.Error(err)
				}
			})
		}
		cancel()
		group.Wait()
		now := time.Now().Add(-time.Hour)
		os.Chtimes(dir+"/f", now, now) // to be hashed once more
	}
}

func TestManyClientsShareOneDescriptor(t *testing.T) {
	dir := t.TempDir()
	data := storetest.Content(100)
	oldFile(t, dir+"/f", data)
	f := quietFolder(t, dir, store.FolderConfig{})
	if _, _, err := f.Describe(t.Context(), "f", nil); err != nil {
		t.Fatal(err)
	}
	var all []*store.Held
	for range 512 {
		h, err := f.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	file := all[0].OS()
	for _, h := range all[1:] {
		if h.OS() != file {
			t.Fatal("another descriptor")
		}
		h.Close()
		h.Close() // twice counts once
	}
	p := make([]byte, 100)
	if err := all[0].ReadChunk(0, p); err != nil || !bytes.Equal(p, data) {
		t.Error("the last one can not read:", err)
	}
	all[0].Close()
	if _, err := file.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Error("the file is still open:", err)
	}
	if h, err := f.Open("f"); err != nil || h.Close() != nil {
		t.Error("not once more:", err)
	}
}

func TestOpenOfAChangedFile(t *testing.T) {
	dir := t.TempDir()
	oldFile(t, dir+"/f", []byte("one"))
	f := quietFolder(t, dir, store.FolderConfig{})
	f.Describe(t.Context(), "f", nil)
	before, err := f.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	oldFile(t, dir+"/g", []byte("two"))
	os.Rename(dir+"/g", dir+"/f") // another file in its place
	if h, err := f.Open("f"); err != nil {
		t.Error("the open file is still what it was:", err)
	} else {
		h.Close()
	}
	if _, _, err := f.Describe(t.Context(), "f", nil); err != nil {
		t.Fatal(err)
	}
	after, err := f.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	one, two := make([]byte, 3), make([]byte, 3)
	if before.ReadChunk(0, one) != nil || after.ReadChunk(0, two) != nil || string(one) != "one" || string(two) != "two" {
		t.Errorf("%q and %q", one, two)
	}
	os.WriteFile(dir+"/f", []byte("three"), 0o666)
	if _, err := f.Open("f"); !errors.Is(err, fault.Changed) {
		t.Error("written to in place:", err)
	}
}

func TestDescribeOfAFileThatNeverStopsChanging(t *testing.T) {
	dir := t.TempDir()
	sparse(t, dir+"/f", 256<<20)
	f := quietFolder(t, dir, store.FolderConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for i := int64(0); ctx.Err() == nil; i++ {
			when := past.Add(time.Duration(i))
			os.Chtimes(dir+"/f", when, when)
		}
	})
	_, _, err := f.Describe(t.Context(), "f", nil)
	cancel()
	group.Wait()
	if !errors.Is(err, fault.Changed) {
		t.Error(err)
	}
}

// Chunk lists of very many files do not all stay in memory: the cache has
// them, and without it the files are hashed again.
func TestListsAreTakenFromTheCacheWhenMemoryIsShort(t *testing.T) {
	dir := t.TempDir()
	c, cached := openCache(t)
	f := quietFolder(t, dir, store.FolderConfig{Cache: c})
	store.KeepLists(f, 1000)
	var lists []content.ChunkList
	name := func(i int) string { return fmt.Sprint(i) }
	for i := range 20 {
		data := storetest.Content(int64(10*content.MinChunk + i))
		oldFile(t, dir+"/"+name(i), data)
		lists = append(lists, storetest.List(t, data))
		if i%2 == 0 {
			f.Finished(name(i), lists[i])
		}
		if _, list, err := f.Describe(t.Context(), name(i), nil); err != nil || list.ID() != lists[i].ID() {
			t.Fatal(err)
		}
	}
	if kept := store.KeptLists(f); kept > 1000 {
		t.Errorf("%d bytes are kept", kept)
	}
	for i, want := range lists {
		if e, list, err := f.ByID(want.ID()); err != nil || list.ID() != want.ID() || e.Name != name(i) {
			t.Errorf("%d by id: %v", i, err)
		}
		h, err := f.Open(name(i))
		if err != nil || h.Chunks().ID() != want.ID() || h.Close() != nil {
			t.Errorf("%d opened: %v", i, err)
		}
	}
	os.RemoveAll(cached)
	if _, _, err := f.ByID(lists[19].ID()); !errors.Is(err, fault.Busy) {
		t.Error("without the cache:", err)
	}
	if _, err := f.Open(name(18)); !errors.Is(err, fault.Busy) {
		t.Error("without the cache:", err)
	}
	for i, want := range lists {
		if _, list, err := f.Describe(t.Context(), name(i), nil); err != nil || list.ID() != want.ID() {
			t.Errorf("%d hashed again: %v", i, err)
		}
		if _, list, err := f.ByID(want.ID()); err != nil || list.ID() != want.ID() {
			t.Errorf("%d by id, again: %v", i, err)
		}
	}
}
