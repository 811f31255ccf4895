package store_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func TestUploadsAreKnownAtOnceAndNeverHashed(t *testing.T) {
	dir := t.TempDir()
	c, _ := openCache(t)
	nothing := func(_, total int64) {
		if total != 0 {
			t.Errorf("%d bytes are to be hashed", total)
		}
	}
	f, events, stop := watched(t, dir, store.FolderConfig{Cache: c, Progress: nothing})
	var want []string
	for _, size := range storetest.Sizes {
		data := storetest.Content(size)
		list := storetest.List(t, data)
		name := fmt.Sprintf("up/%07d", size)
		want = append(want, name)
		p, err := f.Create(name, list, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fill(t, p, data)
		if err := p.Finish(); err != nil {
			t.Fatal(err)
		}
		if err := f.Finished(name, list); err != nil {
			t.Fatal(err)
		}
		p.Close()
		if e, got, err := f.ByID(list.ID()); err != nil || e.Name != name || got.ID() != list.ID() {
			t.Error(e, err)
		}
		if h, err := f.Open(name); err != nil {
			t.Error(err)
		} else {
			h.Close()
		}
		appear(t, events, name)
	}
	stop()
	// And after a restart the cache knows them.
	_, events, _ = watched(t, dir, store.FolderConfig{Cache: c, Progress: nothing})
	appear(t, events, want...)
}

func TestUploadsThatWouldBeHidden(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	os.Mkdir(dir+"/real", 0o777)
	os.Symlink("real", dir+"/link")
	os.Symlink(outside, dir+"/out")
	f := quietFolder(t, dir, store.FolderConfig{})
	for _, name := range []string{".x", "a/.x", ".a/x", "x.part", "x.part.state", "link/x", "out/x", "../x", "/x", ""} {
		if _, err := f.Create(name, storetest.List(t, nil), store.Options{Force: true}); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	wantFiles(t, dir, "link", "out")
	wantFiles(t, outside)
}

func TestFinishedIsNotBelievedBlindly(t *testing.T) {
	dir := t.TempDir()
	f := quietFolder(t, dir, store.FolderConfig{})
	list := storetest.List(t, []byte("some"))
	if err := f.Finished("f", list); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
	oldFile(t, dir+"/f", []byte("others"))
	if err := f.Finished("f", list); !errors.Is(err, fault.Changed) {
		t.Error(err)
	}
}

// A scan that meets an upload between its renaming and Finished leaves it be,
// even if it looks old; but not for ever.
func TestAScanLeavesAnUploadToItsTeller(t *testing.T) {
	dir := t.TempDir()
	f := quietFolder(t, dir, store.FolderConfig{})
	data := storetest.Content(100)
	list := storetest.List(t, data)
	p, err := f.Create("f", list, store.Options{ModTime: past})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	fill(t, p, data)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if queued, unquiet := store.ScanAt(t.Context(), f, time.Now()); queued != 0 || !unquiet {
			t.Errorf("%d files to be hashed", queued)
		}
	}
	if queued, _ := store.ScanAt(t.Context(), f, time.Now().Add(time.Minute)); queued != 1 {
		t.Errorf("%d files to be hashed a minute later", queued)
	}
	if err := f.Finished("f", list); err != nil {
		t.Error(err)
	}
	if e, _, err := f.ByID(list.ID()); err != nil || e.Name != "f" {
		t.Error(e, err)
	}
}
