package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

const soon = time.Millisecond // between scans

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// serve opens a Folder on dir and runs it until the test, or stop, ends it.
func serve(t testing.TB, dir string, cfg store.FolderConfig) (f *store.Folder, stop func()) {
	t.Helper()
	if cfg.Interval == 0 {
		cfg.Interval = soon
	}
	f, err := store.OpenFolder(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Run:", err)
		}
		if err := f.Close(); err != nil {
			t.Error("Close:", err)
		}
	})
	t.Cleanup(stop)
	return f, stop
}

// quietFolder opens a Folder that nothing scans.
func quietFolder(t testing.TB, dir string, cfg store.FolderConfig) *store.Folder {
	t.Helper()
	f, err := store.OpenFolder(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// next waits for an event.
func next(t testing.TB, events <-chan *store.Event) store.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the events have ended")
		}
		return *e
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	return store.Event{}
}

// appear waits until all of names have appeared.
func appear(t testing.TB, events <-chan *store.Event, names ...string) {
	t.Helper()
	for len(names) > 0 {
		e := next(t, events)
		at := slices.Index(names, e.Entry.Name)
		if e.Kind != store.Appeared || at < 0 {
			t.Fatalf("%s %q, while waiting for %q to appear", e.Kind, e.Entry.Name, names)
		}
		names = slices.Delete(names, at, at+1)
	}
}

func namesOf(entries []store.Entry) []string {
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// watched is serve with the events from the beginning.
func watched(t testing.TB, dir string, cfg store.FolderConfig) (*store.Folder, <-chan *store.Event, func()) {
	t.Helper()
	cfg.Interval = soon
	f, err := store.OpenFolder(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	events, unwatch := f.Watch("")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Run:", err)
		}
		unwatch()
		f.Close()
	})
	t.Cleanup(stop)
	return f, events, stop
}

func TestFolderShowsFilesAndHidesTheRest(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for _, name := range []string{
		"b", "a/x", "a/y/z", "a-b", "empty",
		".hidden", ".git/config", "a/.hidden", "f.part", "f.part.state", "f.part.state.new", "a/g.part", "part", "x.particle",
	} {
		oldFile(t, filepath.Join(dir, name), []byte(name))
	}
	oldFile(t, dir+"/empty", nil)
	oldFile(t, outside+"/secret", []byte("secret"))
	os.Symlink(outside+"/secret", dir+"/link")
	os.Symlink("b", dir+"/inner")
	os.Symlink(outside, dir+"/linked")
	os.Symlink("a", dir+"/alias")
	makePipe(dir + "/pipe")
	f, events, _ := watched(t, dir, store.FolderConfig{})
	want := []string{"a-b", "a/x", "a/y/z", "b", "empty", "part", "x.particle"}
	appear(t, events, slices.Clone(want)...)
	entries, more := f.Entries("", "", 0)
	if got := namesOf(entries); more || !slices.Equal(got, want) {
		t.Errorf("it shows %q, not %q", got, want)
	}
	for _, e := range entries {
		data, _ := os.ReadFile(filepath.Join(dir, e.Name))
		if e.ID != storetest.List(t, data).ID() || e.Size != int64(len(data)) || !e.ModTime.Equal(past) || e.Mode == 0 {
			t.Errorf("%+v", e)
		}
	}
	for _, hidden := range []string{
		".hidden", ".git/config", "a/.hidden", "f.part", "f.part.state", "f.part.state.new", "link", "inner", "linked/secret",
		"alias/x", "pipe", "a", "linked", "none", "b/x", "a/none/x",
	} {
		if _, _, err := f.Describe(t.Context(), hidden, nil); !errors.Is(err, fault.NotFound) {
			t.Errorf("describing %s: %v", hidden, err)
		}
		if _, err := f.Open(hidden); !errors.Is(err, fault.NotFound) {
			t.Errorf("opening %s: %v", hidden, err)
		}
	}
	for _, bad := range []string{"", "..", "../x", "/etc/passwd", "a/../b", "a//x", "a\x00"} {
		if _, _, err := f.Describe(t.Context(), bad, nil); !errors.Is(err, fault.Invalid) {
			t.Errorf("describing %q: %v", bad, err)
		}
	}
}

func TestFolderSaysWhatItLeavesOut(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("such names can only be made on Linux")
	}
	dir := t.TempDir()
	for _, name := range []string{`back\slash`, "new\nline", "nul", "\xff", "sub\t/x", "good"} {
		oldFile(t, filepath.Join(dir, name), nil)
	}
	scans := make(chan store.Scan, 1)
	_, events, _ := watched(t, dir, store.FolderConfig{OnScan: func(s store.Scan) { scans <- s }})
	appear(t, events, "good")
	left := (<-scans).LeftOut // a file appears before the scan that found it is over
	if left.Count != 5 || len(left.Examples) != 5 || !strings.Contains(strings.Join(left.Examples, "\n"), "backslash") {
		t.Errorf("%+v", left)
	}
	for _, example := range left.Examples {
		if strings.ContainsAny(example, "\n\t") || !utf8.ValidString(example) {
			t.Errorf("%q would do things to a terminal", example)
		}
	}
}

func TestFolderIsBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		oldFile(t, fmt.Sprintf("%s/%d/%03d", dir, i%3, i), nil)
	}
	f := quietFolder(t, dir, store.FolderConfig{})
	names, left, err := store.WalkMost(t.Context(), f, 12)
	if err != nil || len(names) != 12 || left.Count != 288 || len(left.Examples) != 100 || !strings.Contains(left.Examples[0], "more than 12 files") {
		t.Errorf("%d files, %+v, %v", len(names), left, err)
	}
	again, _, _ := store.WalkMost(t.Context(), f, 12)
	if !slices.Equal(names, again) {
		t.Error("others the second time")
	}
}

func TestFolderWithWhatCanNotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		asUser(t, "TestFolderWithWhatCanNotBeRead")
		return
	}
	dir := t.TempDir()
	oldFile(t, dir+"/good", nil)
	oldFile(t, dir+"/bad", []byte("x"))
	oldFile(t, dir+"/locked/x", nil)
	os.Chmod(dir+"/bad", 0)
	os.Chmod(dir+"/locked", 0)
	defer os.Chmod(dir+"/locked", 0o700)
	var total atomic.Int64
	f, events, _ := watched(t, dir, store.FolderConfig{Progress: func(_, n int64) { total.Store(n) }})
	appear(t, events, "good")
	deadline := time.Now().Add(patience)
	for store.LastScan(f).LeftOut.Count != 2 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	left := strings.Join(store.LastScan(f).LeftOut.Examples, "\n")
	if !strings.Contains(left, `"bad"`) || !strings.Contains(left, `"locked"`) || !strings.Contains(left, "permission") {
		t.Error(left)
	}
	if total.Load() != 1 {
		t.Errorf("%d bytes were tried to be hashed: more than once", total.Load())
	}
	for _, name := range []string{"bad", "locked/x"} {
		if _, _, err := f.Describe(t.Context(), name, nil); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "the server may not read "+name) {
			t.Error(err)
		}
	}
	if _, err := f.Create("locked/y", storetest.List(t, nil), store.Options{}); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "the server may not write locked/y") {
		t.Error(err)
	}
}

func TestASingleFileIsServed(t *testing.T) {
	dir := t.TempDir()
	data := []byte("the file")
	oldFile(t, dir+"/.blobs/77", data)
	oldFile(t, dir+"/other", nil)
	if err := os.Symlink(".blobs/77", dir+"/model.bin"); err != nil {
		t.Skip(err)
	}
	for given, name := range map[string]string{"other": "other", ".blobs/77": "77", "model.bin": "model.bin"} {
		f, events, stop := watched(t, filepath.Join(dir, given), store.FolderConfig{})
		appear(t, events, name)
		if entries, more := f.Entries("", "", 10); len(entries) != 1 || more || entries[0].Name != name {
			t.Error(entries)
		}
		e, _, err := f.Describe(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if h.Chunks().ID() != e.ID {
			t.Error("another file")
		}
		h.Close()
		for _, other := range []string{"other", "77", ".blobs/77"} {
			if _, _, err := f.Describe(t.Context(), other, nil); other != name && !errors.Is(err, fault.NotFound) {
				t.Errorf("%s beside it: %v", other, err)
			}
		}
		if _, err := f.Create("x", storetest.List(t, nil), store.Options{}); !errors.Is(err, fault.ReadOnly) {
			t.Error(err)
		}
		stop()
	}
}

func TestOpenFolderOnWhatCanNotBeServed(t *testing.T) {
	dir := t.TempDir()
	if _, err := store.OpenFolder(dir+"/none", store.FolderConfig{}); !errors.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if makePipe(dir+"/pipe") == nil {
		if _, err := store.OpenFolder(dir+"/pipe", store.FolderConfig{}); !errors.Is(err, fault.Invalid) {
			t.Error(err)
		}
	}
}
