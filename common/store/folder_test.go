package store_test

import (
	"bytes"
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

	"starmesh/common/content"
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
func next(t testing.TB, events <-chan store.Event) store.Event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the events have ended")
		}
		return e
	case <-time.After(patience):
		t.Fatal("no event came")
	}
	return store.Event{}
}

// appear waits until all of names have appeared.
func appear(t testing.TB, events <-chan store.Event, names ...string) {
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
func watched(t testing.TB, dir string, cfg store.FolderConfig) (*store.Folder, <-chan store.Event, func()) {
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
	entries, more := f.List("", "", 0)
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
	f, events, _ := watched(t, dir, store.FolderConfig{})
	appear(t, events, "good")
	left := f.LeftOut()
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
	for i := range 30 {
		oldFile(t, fmt.Sprintf("%s/%d/%02d", dir, i%3, i), nil)
	}
	f := quietFolder(t, dir, store.FolderConfig{})
	names, left, err := store.WalkMost(t.Context(), f, 12)
	if err != nil || len(names) != 12 || left.Count != 18 || len(left.Examples) != 10 || !strings.Contains(left.Examples[0], "more than 12 files") {
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
	for f.LeftOut().Count != 2 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	left := strings.Join(f.LeftOut().Examples, "\n")
	if !strings.Contains(left, `"bad"`) || !strings.Contains(left, `"locked"`) || !strings.Contains(left, "permission") {
		t.Error(left)
	}
	if total.Load() != 1 {
		t.Errorf("%d bytes were tried to be hashed: more than once", total.Load())
	}
	if _, _, err := f.Describe(t.Context(), "bad", nil); !errors.Is(err, fault.Refused) {
		t.Error(err)
	}
}

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
	if entries, _ := f.List("", "", 0); len(entries) != 1 || entries[0] != e {
		t.Error(entries)
	}
	byID, list, err := f.ByID(e.ID)
	if err != nil || byID != e || list.Len() != 4 {
		t.Error(byID, err)
	}
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
	if _, _, err := f.ByID(first.ID); !errors.Is(err, fault.NotFound) {
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
		if entries, _ := f.List("", "", 0); len(entries) != 100 {
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
	for _, c := range []<-chan store.Event{events, inA} {
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
		last = <-events
		count++
	}
	if last.Kind != store.Lost || last.Entry != (store.Entry{}) || count < 100 || count > 2000 {
		t.Errorf("%d events, the last %s", count, last.Kind)
	}
	if entries, _ := f.List("", "", 0); len(entries) != 3000 {
		t.Errorf("%d entries after listing again", len(entries))
	}
	oldFile(t, dir+"/new", nil)
	f.Finished("new", list)
	appear(t, events, "new") // from here on as ever
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
		if entries, more := f.List("", "", 10); len(entries) != 1 || more || entries[0].Name != name {
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
		if h.List().ID() != e.ID {
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
		if err != nil || h.List().ID() != want.ID() || h.Close() != nil {
			t.Errorf("%d opened: %v", i, err)
		}
	}
	os.RemoveAll(cached)
	if _, _, err := f.ByID(lists[19].ID()); !errors.Is(err, fault.NotFound) {
		t.Error("without the cache:", err)
	}
	if _, err := f.Open(name(18)); !errors.Is(err, fault.NotFound) {
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
