package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

var past = time.Date(2001, 2, 3, 4, 5, 6, 789_000_000, time.UTC)

// old gives the held file a time long ago, and opens nothing again: the stamp
// of h must not be that of now, where a change may go unseen for a tick.
func old(t testing.TB, _ string, h *store.Held) {
	t.Helper()
	info, err := h.OS().Stat()
	if err != nil {
		t.Fatal(err)
	}
	for time.Since(info.ModTime()) < 20*time.Millisecond {
		runtime.Gosched()
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func wantFiles(t testing.TB, dir string, want ...string) {
	t.Helper()
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder has %q, not %q", got, want)
	}
}

func wantContent(t testing.TB, name string, data []byte) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%s has other bytes (%d, not %d), or %v", name, len(got), len(data), err)
	}
}

func TestFinishGivesTheFileItsNameModeAndTime(t *testing.T) {
	for _, size := range storetest.Sizes {
		root, dir := folder(t)
		data := storetest.Content(size)
		p := create(t, root, "deep/er/f", storetest.List(t, data), store.Options{Mode: 0o640, ModTime: past})
		fill(t, p, data)
		wantFiles(t, dir, "deep/er/f.part", "deep/er/f.part.state")
		for range 2 { // it may be called again
			if err := p.Finish(); err != nil {
				t.Fatal(err)
			}
		}
		wantFiles(t, dir, "deep/er/f")
		wantContent(t, dir+"/deep/er/f", data)
		info, _ := os.Stat(dir + "/deep/er/f")
		if !info.ModTime().Equal(past) || runtime.GOOS != "windows" && info.Mode() != 0o640 {
			t.Errorf("%s, %s", info.Mode(), info.ModTime())
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		wantFiles(t, dir, "deep/er/f")
	}
}

func TestFinishWithoutModeHonoursTheUmask(t *testing.T) {
	root, dir := folder(t)
	if err := os.WriteFile(dir+"/like", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	p := create(t, root, "f", storetest.List(t, nil), store.Options{})
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	like, _ := os.Stat(dir + "/like")
	got, _ := os.Stat(dir + "/f")
	if got.Mode() != like.Mode() || time.Since(got.ModTime()) > time.Minute {
		t.Errorf("%s, %s", got.Mode(), got.ModTime())
	}
}

func TestFinishRefusesAFileThatIsNotWhole(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(5 * content.MinChunk)
	p := create(t, root, "f", storetest.List(t, data), store.Options{})
	put(t, p, data, 3)
	err := p.Finish()
	if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "4 of 5 chunks are missing") {
		t.Error(err)
	}
	fill(t, p, data)
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantContent(t, dir+"/f", data)
}

// A mesh goes on serving what it has just finished.
func TestAFinishedPartCanStillBeRead(t *testing.T) {
	root, _ := folder(t)
	data := storetest.Content(3 * content.MinChunk)
	list := storetest.List(t, data)
	p := create(t, root, "f", list, store.Options{})
	file := p.OS()
	fill(t, p, data)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, content.MinChunk)
	if err := p.ReadChunk(1, b); err != nil || !bytes.Equal(b, storetest.Chunk(list, data, 1)) {
		t.Error(err)
	}
	if p.OS() != file {
		t.Error("OS gives another file after Finish")
	}
	put(t, p, data, 2) // held: does nothing
	p.Close()
	if err := p.ReadChunk(1, b); !errors.Is(err, fault.Closed) {
		t.Error("after Close:", err)
	}
}

func TestResumeGoesOnWithoutAskingTheNetworkOrReading(t *testing.T) {
	root, _ := folder(t)
	data := storetest.Content(20*content.MinChunk + 5)
	list := storetest.List(t, data)
	if _, ok := store.Saved(root, "f"); ok {
		t.Error("a list is saved before anything was")
	}
	p := create(t, root, "f", list, store.Options{})
	if p.Resumed() != 0 {
		t.Errorf("resumed %d bytes of nothing", p.Resumed())
	}
	put(t, p, data, 0)
	put(t, p, data, 20)
	if saved, ok := store.Saved(root, "f"); !ok || saved.ID() != list.ID() || !bytes.Equal(saved.Bytes(), list.Bytes()) {
		t.Error("the list is not saved while it is written")
	}
	p.Close()
	saved, ok := store.Saved(root, "f")
	if !ok {
		t.Fatal("the list is not saved")
	}
	p = create(t, root, "f", saved, store.Options{Progress: func(int64) { t.Error("something was verified again") }})
	if want := int64(content.MinChunk + 5); p.Resumed() != want {
		t.Errorf("resumed %d bytes, not %d", p.Resumed(), want)
	}
	fill(t, p, data)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, ok := store.Saved(root, "f"); ok {
		t.Error("a list is saved after the end")
	}
}

func TestDiscardRemovesAll(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(2 * content.MinChunk)
	p := create(t, root, "f", storetest.List(t, data), store.Options{})
	put(t, p, data, 1)
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir)
	if err := p.WriteChunk(0, data[:content.MinChunk]); !errors.Is(err, fault.Closed) {
		t.Error("writing:", err)
	}
	if err := p.Finish(); !errors.Is(err, fault.Closed) {
		t.Error("finishing:", err)
	}
	if err := p.Discard(); !errors.Is(err, fault.Closed) {
		t.Error("again:", err)
	}
	if p.Close() != nil {
		t.Error("closing after that is no error")
	}
	p = create(t, root, "f", storetest.List(t, data), store.Options{})
	fill(t, p, data)
	p.Finish()
	if err := p.Discard(); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, "f")
}
