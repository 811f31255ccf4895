package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func TestARestartHashesNothing(t *testing.T) {
	dir := t.TempDir()
	var names []string
	bytes := int64(0)
	for i := range 100 {
		size := int64(i * 5000)
		name := fmt.Sprintf("%d/%03d", i%7, i)
		oldFile(t, filepath.Join(dir, name), storetest.Content(size))
		names = append(names, name)
		bytes += size
	}
	c, _ := openCache(t)
	for _, want := range []int64{bytes, 0} {
		var hashed, total, calls atomic.Int64
		var busy atomic.Bool
		f, events, stop := watched(t, dir, store.FolderConfig{Cache: c, Progress: func(h, n int64) {
			if !busy.CompareAndSwap(false, true) {
				t.Error("progress is called twice at once")
			}
			if h < hashed.Load() || n < total.Load() || h > n {
				t.Errorf("%d of %d after %d of %d", h, n, hashed.Load(), total.Load())
			}
			hashed.Store(h)
			total.Store(n)
			calls.Add(1)
			busy.Store(false)
		}})
		appear(t, events, slices.Clone(names)...)
		if entries, _ := f.Entries("", "", 0); len(entries) != 100 {
			t.Errorf("%d entries", len(entries))
		}
		stop()
		if hashed.Load() != want || total.Load() != want || calls.Load() == 0 {
			t.Errorf("%d of %d bytes were hashed, not %d", hashed.Load(), total.Load(), want)
		}
	}
}

func TestRunSeesWhatHappens(t *testing.T) {
	dir := t.TempDir()
	f, events, _ := watched(t, dir, store.FolderConfig{})
	inA, stopA := f.Watch("a")
	defer stopA()
	oldFile(t, dir+"/a/f", []byte("one"))
	appear(t, events, "a/f")
	appear(t, inA, "a/f")
	oldFile(t, dir+"/ab", []byte("other"))
	appear(t, events, "ab")
	os.WriteFile(dir+"/a/f", []byte("two!"), 0o666)
	for _, c := range []<-chan *store.Event{events, inA} {
		if e := next(t, c); e.Kind != store.Changed || e.Entry.Name != "a/f" || e.Entry.ID != storetest.List(t, []byte("two!")).ID() {
			t.Errorf("%s %+v", e.Kind, e.Entry)
		}
	}
	os.Rename(dir+"/a", dir+"/c")
	kinds := map[string]store.EventKind{}
	for range 2 {
		e := next(t, events)
		kinds[e.Entry.Name] = e.Kind
	}
	if kinds["a/f"] != store.Gone || kinds["c/f"] != store.Appeared {
		t.Error(kinds)
	}
	if e := next(t, inA); e.Kind != store.Gone {
		t.Error(e)
	}
	stopA()
	stopA()
	if _, ok := <-inA; ok {
		t.Error("an event of elsewhere, or after the end")
	}
}

func TestASlowWatcherLosesEventsAndIsTold(t *testing.T) {
	dir := t.TempDir()
	f := quietFolder(t, dir, store.FolderConfig{})
	events, stop := f.Watch("")
	defer stop()
	list := storetest.List(t, nil)
	for i := range 3000 {
		name := fmt.Sprint(i)
		oldFile(t, dir+"/"+name, nil)
		if err := f.Finished(name, list); err != nil { // never waits
			t.Fatal(err)
		}
	}
	count, last := 0, store.Event{}
	for len(events) > 0 {
		last = *<-events
		count++
	}
	if last.Kind != store.Lost || last.Entry != (store.Entry{}) || count < 100 || count > 2000 {
		t.Errorf("%d events, the last %s", count, last.Kind)
	}
	if entries, _ := f.Entries("", "", 0); len(entries) != 3000 {
		t.Errorf("%d entries after listing again", len(entries))
	}
	oldFile(t, dir+"/new", nil)
	f.Finished("new", list)
	appear(t, events, "new") // from here on as ever
}

func TestTwoFilesOfTheSameContent(t *testing.T) {
	dir := t.TempDir()
	data := []byte("same")
	oldFile(t, dir+"/a", data)
	oldFile(t, dir+"/b", data)
	f, events, _ := watched(t, dir, store.FolderConfig{})
	appear(t, events, "a", "b")
	id := storetest.List(t, data).ID()
	for range 2 {
		e, _, err := f.ByID(id)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, e.Name))
		if e := next(t, events); e.Kind != store.Gone {
			t.Error(e)
		}
	}
	if _, _, err := f.ByID(id); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// While files are still to be hashed nobody can say that no file has an id.
func TestAnIdThatIsNotKnownYet(t *testing.T) {
	dir := t.TempDir()
	f, err := store.OpenFolder(dir, store.FolderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	oldFile(t, dir+"/a", []byte("x"))
	if queued, _ := store.ScanAt(t.Context(), f, time.Now()); queued != 1 {
		t.Fatalf("%d files to be hashed", queued)
	}
	if _, _, err := f.ByID(content.ID{1}); !errors.Is(err, fault.Busy) {
		t.Errorf("before: %v", err)
	}
}

// A file that is being copied into the folder is not hashed over and over.
func TestAGrowingFileIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	f := quietFolder(t, dir, store.FolderConfig{})
	now := time.Now()
	for step := range 5 {
		oldFile(t, dir+"/f", make([]byte, 100*step+1))
		mtime := now.Add(time.Duration(step) * 250 * time.Millisecond)
		os.Chtimes(dir+"/f", mtime, mtime)
		if queued, unquiet := store.ScanAt(t.Context(), f, mtime.Add(10*time.Millisecond)); queued != 0 || !unquiet {
			t.Errorf("%d files to be hashed while it grows", queued)
		}
	}
	if queued, unquiet := store.ScanAt(t.Context(), f, now.Add(time.Hour)); queued != 1 || unquiet {
		t.Errorf("%d files to be hashed when it no longer grows", queued)
	}
}

func TestARunEndsWhileItHashes(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		sparse(t, fmt.Sprintf("%s/%d", dir, i), 1<<40)
	}
	begun := make(chan struct{})
	var once sync.Once
	_, stop := serve(t, dir, store.FolderConfig{Progress: func(hashed, _ int64) {
		if hashed > 0 {
			once.Do(func() { close(begun) })
		}
	}})
	<-begun
	stop() // goleak sees to it that nothing is left
}
