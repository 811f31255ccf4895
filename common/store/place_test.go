package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// scans is a FolderConfig's OnScan that a test can wait for.
func scans() (chan store.Scan, func(store.Scan)) {
	told := make(chan store.Scan, 1000)
	return told, func(s store.Scan) { told <- s }
}

// until waits for a scan of which what is true.
func until(t *testing.T, told <-chan store.Scan, what func(store.Scan) bool) store.Scan {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case s := <-told:
			if what(s) {
				return s
			}
		case <-deadline:
			t.Fatal("no such scan was told of")
		}
	}
}

func failed(s store.Scan) bool { return s.Err != nil }
func worked(s store.Scan) bool { return s.Err == nil }

// The ways in which another folder comes to stand under the path that is served.
func TestTheFolderIsFollowed(t *testing.T) {
	for name, swap := range map[string]func(t *testing.T, dir string){
		"removed and made again": func(t *testing.T, dir string) {
			if os.RemoveAll(dir) != nil {
				t.Skip("a folder that is open can not be removed here")
			}
			os.Mkdir(dir, 0o777)
		},
		"moved away, another in its place": func(t *testing.T, dir string) {
			if os.Rename(dir, dir+".old") != nil {
				t.Skip("a folder that is open can not be moved here")
			}
			os.Mkdir(dir, 0o777)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dist")
			oldFile(t, dir+"/old", []byte("old"))
			f, events, _ := watched(t, dir, store.FolderConfig{})
			appear(t, events, "old")
			swap(t, dir)
			oldFile(t, dir+"/sub/new", []byte("new"))
			if e, _, err := f.Describe(t.Context(), "sub/new", nil); err != nil || e.Size != 3 {
				t.Error("asked for at once:", err)
			}
			seen := map[string]store.EventKind{}
			for range 2 {
				e := next(t, events)
				seen[e.Entry.Name] = e.Kind
			}
			if seen["old"] != store.Gone || seen["sub/new"] != store.Appeared {
				t.Error(seen)
			}
			if h, err := f.Open("sub/new"); err != nil {
				t.Error(err)
			} else {
				h.Close()
			}
			if _, err := f.Create("put", storetest.List(t, nil), store.Options{}); err != nil {
				t.Error(err)
			} else if _, err := os.Stat(dir + "/put.part"); err != nil {
				t.Error("what is put lies elsewhere:", err)
			}
		})
	}
}

func TestALinkThatIsTurnedIsFollowed(t *testing.T) {
	for _, kind := range []string{"", "/f"} { // a folder, and a single file
		dir := t.TempDir()
		oldFile(t, dir+"/1/f", []byte("first"))
		oldFile(t, dir+"/2/f", []byte("second"))
		if err := os.Symlink("1"+kind, dir+"/f"); err != nil {
			t.Skip(err)
		}
		f, events, _ := watched(t, dir+"/f", store.FolderConfig{})
		appear(t, events, "f")
		os.Symlink("2"+kind, dir+"/next")
		if err := os.Rename(dir+"/next", dir+"/f"); err != nil {
			t.Skip(err)
		}
		if e := next(t, events); e.Kind != store.Changed || e.Entry.ID != storetest.List(t, []byte("second")).ID() {
			t.Errorf("%s %+v", e.Kind, e.Entry)
		}
		h, err := f.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		h.Close()
	}
}

// While nothing is under the path, nothing is forgotten, nobody is told that a
// file is gone, and who asks is told to try again.
func TestAFolderThatIsAwayIsNotAnEmptyOne(t *testing.T) {
	for _, served := range []string{"", "/f"} {
		dir := filepath.Join(t.TempDir(), "mount")
		oldFile(t, dir+"/f", []byte("x"))
		told, onScan := scans()
		f, events, _ := watched(t, dir+served, store.FolderConfig{OnScan: onScan})
		appear(t, events, "f")
		if os.Rename(dir, dir+".away") != nil {
			t.Skip("a folder that is open can not be moved here")
		}
		if s := until(t, told, failed); f.Ready() == nil || !errors.Is(s.Err, fault.NotFound) || !strings.Contains(s.Err.Error(), dir) {
			t.Error(s.Err)
		}
		if entries, _ := f.Entries("", "", 0); len(entries) != 1 {
			t.Error("it is forgotten")
		}
		if _, _, err := f.Describe(t.Context(), "f", nil); !errors.Is(err, fault.Busy) || fault.RetryAfter(err) == 0 || strings.Contains(err.Error(), dir) {
			t.Error(err)
		}
		if _, _, err := f.ByID(storetest.List(t, []byte("y")).ID()); !errors.Is(err, fault.Busy) {
			t.Error(err)
		}
		os.Rename(dir+".away", dir)
		until(t, told, worked)
		if _, _, err := f.Describe(t.Context(), "f", nil); err != nil || f.Ready() != nil {
			t.Error(err, f.Ready())
		}
		if len(events) != 0 {
			t.Error(next(t, events))
		}
	}
}

// A touch changes nothing: whoever asks meanwhile is told to try again, and
// then goes on.
func TestATouchedFileIsTheSameFile(t *testing.T) {
	dir := t.TempDir()
	oldFile(t, dir+"/f", []byte("the same"))
	f, events, _ := watched(t, dir, store.FolderConfig{})
	appear(t, events, "f")
	id := storetest.List(t, []byte("the same")).ID()
	for i := range 20 {
		os.Chtimes(dir+"/f", past.Add(time.Duration(i)*time.Hour), past.Add(time.Duration(i)*time.Hour))
		deadline := time.Now().Add(patience)
		for {
			e, _, err := f.ByID(id)
			if err == nil {
				var h *store.Held
				if h, err = f.Open(e.Name); err == nil {
					h.Close()
					break
				}
			}
			if !errors.Is(err, fault.Busy) || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	if len(events) != 0 {
		t.Error(next(t, events))
	}
	os.WriteFile(dir+"/f", []byte("not same"), 0o666)
	if e := next(t, events); e.Kind != store.Changed {
		t.Error(e)
	}
	deadline, err := time.Now().Add(patience), error(fault.Busy)
	for errors.Is(err, fault.Busy) && time.Now().Before(deadline) {
		_, _, err = f.ByID(id)
	}
	if !errors.Is(err, fault.Changed) {
		t.Error(err)
	}
}

// A file that was written to this very moment is passed over by the first scan:
// until it is hashed nobody can say that nothing has an id.
func TestNoIDIsDeniedBeforeTheFirstFilesAreHashed(t *testing.T) {
	dir := t.TempDir()
	f := quietFolder(t, dir, store.FolderConfig{})
	os.WriteFile(dir+"/f", []byte("just written"), 0o666)
	id := storetest.List(t, []byte("just written")).ID()
	now := time.Now()
	if queued, unquiet := store.ScanAt(t.Context(), f, now); queued != 0 || !unquiet {
		t.Fatal("it was not passed over")
	}
	if _, _, err := f.ByID(id); !errors.Is(err, fault.Busy) {
		t.Error(err)
	}
	log := quietFolder(t, dir, store.FolderConfig{})
	for i := range 3 { // it is written to for a minute now
		os.WriteFile(dir+"/f", fmt.Append(nil, "just written", i), 0o666)
		if _, unquiet := store.ScanAt(t.Context(), log, now.Add(-time.Minute)); !unquiet {
			t.Fatal("it was not passed over")
		}
	}
	if _, _, err := log.ByID(id); !errors.Is(err, fault.NotFound) {
		t.Error("one log keeps all ids open for ever:", err)
	}
}

func TestCurrentTellsWhatIsTrueNow(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/1", "a/2", "b/c/1", "top"} {
		oldFile(t, dir+"/"+name, []byte(name))
	}
	f, events, _ := watched(t, dir, store.FolderConfig{Interval: time.Hour})
	appear(t, events, "a/1", "a/2", "b/c/1", "top")
	entries, _ := f.Entries("", "", 0)
	if now := f.Current(entries); len(now) != 4 || now[0] != entries[0] || now[3] != entries[3] {
		t.Error(now)
	}
	os.WriteFile(dir+"/a/2", []byte("longer now"), 0o666)
	os.RemoveAll(dir + "/b")
	now := f.Current(entries)
	if got := fmt.Sprint(namesOf(now)); got != "[a/1 a/2 top]" {
		t.Fatal(got)
	}
	if !now[1].ID.IsZero() || now[1].Size != 10 || now[0] != entries[0] {
		t.Errorf("%+v", now)
	}
}
