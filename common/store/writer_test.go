package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func TestWriterPutsWholeFilesInTheirPlaces(t *testing.T) {
	root, dir := folder(t)
	w := store.NewWriter(root)
	defer w.Close()
	var group sync.WaitGroup
	for i := range 300 { // more folders than are kept open
		group.Go(func() {
			name := fmt.Sprintf("%d/%d/f", i%100, i)
			stamp, err := w.Write(name, []byte(name), store.Options{Mode: 0o640, ModTime: past})
			info, statErr := root.Stat(name)
			if err != nil || statErr != nil || store.StampOf(info) != stamp || !info.ModTime().Equal(past) {
				t.Errorf("%s: %v, %v", name, err, statErr)
			}
		})
	}
	group.Wait()
	if err := w.Sync(); err != nil {
		t.Error(err)
	}
	if got := len(files(t, dir)); got != 300 {
		t.Errorf("%d files", got)
	}
	wantContent(t, filepath.Join(dir, "7", "107", "f"), []byte("7/107/f"))
	if info, err := root.Stat("7/107/f"); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o640) {
		t.Error(info, err)
	}
}

func TestWriterReplacesOnlyWhatItMay(t *testing.T) {
	root, dir := folder(t)
	w := store.NewWriter(root)
	defer w.Close()
	if err := errors.Join(root.Mkdir("folder", 0o777), root.WriteFile("old", []byte("old"), 0o666)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"old": fault.Exists, "folder": fault.Exists, "old/below": fault.Exists, "../out": fault.Invalid, "": fault.Invalid,
	} {
		if _, err := w.Write(name, []byte("new"), store.Options{}); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Write("folder", nil, store.Options{Force: true}); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
	if _, err := w.Write("old", []byte("new"), store.Options{Force: true}); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, "old")
	wantContent(t, filepath.Join(dir, "old"), []byte("new"))
}

// What was begun in chunks of one size is gone on with in those of another:
// nothing that was written is lost.
func TestAPartGoesOnInChunksOfAnotherSize(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(1<<20 + 5)
	fine := storetest.List(t, data) // 17 chunks
	coarse := fine.Coarser(256 << 10)
	part, err := store.Create(root, "f", fine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range fine.Len() {
		if i != 6 {
			put(t, part, data, i)
		}
	}
	part.Kill()
	if part, err = store.Create(root, "f", coarse, store.Options{}); err != nil {
		t.Fatal(err)
	}
	if have := part.Have(); have.Count() != 4 || have.Has(1) {
		t.Errorf("%b of 5 chunks are held", have.Bytes())
	}
	part.Kill()
	if part, err = store.Create(root, "f", coarse, store.Options{}); err != nil || part.Have().Count() != 4 {
		t.Fatal("opened again:", err)
	}
	if _, ok := store.Saved(root, "f"); ok {
		t.Error("a list of other chunks is given to those who ask by chunk")
	}
	part.Kill()
	if part, err = store.Create(root, "f", fine, store.Options{}); err != nil || part.Have().Count() != 13 {
		t.Fatal("back in the first size:", part.Have().Count(), err)
	}
	for i := range fine.Len() {
		put(t, part, data, i)
	}
	if err := errors.Join(part.Finish(), part.Close()); err != nil {
		t.Fatal(err)
	}
	wantContent(t, filepath.Join(dir, "f"), data)
	if _, err := os.Stat(filepath.Join(dir, "f.part.state")); err == nil {
		t.Error("the state is left")
	}
}

// A time that no disk can be told becomes the nearest one that it can.
func TestTimesBeyondAllAreTheNearest(t *testing.T) {
	root, _ := folder(t)
	w := store.NewWriter(root)
	defer w.Close()
	for year, want := range map[int]int{2299: 2262, 2100: 2100} {
		if _, err := w.Write("f", []byte("x"), store.Options{Force: true, ModTime: time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
			t.Fatal(err)
		}
		if info, err := root.Stat("f"); err != nil || info.ModTime().UTC().Year() != want {
			t.Errorf("%d became %v, %v", year, info.ModTime(), err)
		}
	}
}
