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
	"sync/atomic"
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

func TestTargetThatExists(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(100)
	list := storetest.List(t, data)
	if err := os.WriteFile(dir+"/f", []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := store.Create(root, "f", list, store.Options{})
	if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "--force") {
		t.Error(err)
	}
	wantFiles(t, dir, "f")
	p := create(t, root, "f", list, store.Options{Force: true})
	fill(t, p, data)
	wantContent(t, dir+"/f", []byte("mine")) // until it is replaced at once
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "f")
	wantContent(t, dir+"/f", data)
}

func TestTargetThatAppearsMeanwhile(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(100)
	p := create(t, root, "f", storetest.List(t, data), store.Options{})
	fill(t, p, data)
	if err := os.WriteFile(dir+"/f", []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := p.Finish(); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
	wantContent(t, dir+"/f", []byte("mine"))
	wantFiles(t, dir, "f", "f.part", "f.part.state")
	os.Remove(dir + "/f")
	if err := p.Finish(); err != nil {
		t.Error("once more:", err)
	}
	wantFiles(t, dir, "f")
	wantContent(t, dir+"/f", data)
}

func TestTargetThatIsAFolder(t *testing.T) {
	root, dir := folder(t)
	os.Mkdir(dir+"/f", 0o777)
	for _, force := range []bool{false, true} {
		_, err := store.Create(root, "f", storetest.List(t, nil), store.Options{Force: force})
		if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "is a folder") {
			t.Error(err)
		}
	}
	wantFiles(t, dir)
}

func TestSomethingElseInTheMaking(t *testing.T) {
	root, dir := folder(t)
	one, two := storetest.Content(3*content.MinChunk), storetest.Content(3*content.MinChunk+1)
	listOne, listTwo := storetest.List(t, one), storetest.List(t, two)
	p := create(t, root, "f", listOne, store.Options{})
	put(t, p, one, 1)
	p.Close()
	_, err := store.Create(root, "f", listTwo, store.Options{})
	if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "--force") ||
		!strings.Contains(err.Error(), listOne.ID().String()) || !strings.Contains(err.Error(), listTwo.ID().String()) {
		t.Error(err)
	}
	p = create(t, root, "f", listOne, store.Options{}) // nothing was lost by asking
	if !p.Have().Has(1) {
		t.Error("the chunk is gone")
	}
	p.Close()
	p = create(t, root, "f", listTwo, store.Options{Force: true})
	if p.Resumed() != 0 {
		t.Error("resumed", p.Resumed())
	}
	fill(t, p, two)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, dir+"/f", two)
	wantFiles(t, dir, "f")
}

func TestASecondPartOnTheSameTarget(t *testing.T) {
	root, _ := folder(t)
	list := storetest.List(t, storetest.Content(100))
	p := create(t, root, "f", list, store.Options{})
	for _, force := range []bool{false, true} {
		if _, err := store.Create(root, "f", list, store.Options{Force: force}); !errors.Is(err, fault.InUse) {
			t.Error(err)
		}
	}
	p.Close()
	create(t, root, "f", list, store.Options{})
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

func TestNamesThatCanNotBe(t *testing.T) {
	root, dir := folder(t)
	list := storetest.List(t, nil)
	for _, name := range []string{"", ".", "..", "../f", "/f", "a/../../f", "a//b", `a\b`, "a\x00b", "CON", "C:f", strings.Repeat("x", 256)} {
		if _, err := store.Create(root, name, list, store.Options{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	wantFiles(t, dir)
}

func TestTheLongestNames(t *testing.T) {
	root, dir := folder(t)
	list := storetest.List(t, nil)
	for _, name := range []string{strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat("é", 127), strings.Repeat("x", 240)} {
		p := create(t, root, name, list, store.Options{})
		if _, ok := store.Saved(root, name); !ok {
			t.Error("not saved")
		}
		if err := p.Finish(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

func TestLinksLeadNowhere(t *testing.T) {
	root, dir := folder(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, dir+"/out"); err != nil {
		t.Fatal(err)
	}
	list := storetest.List(t, storetest.Content(10))
	if _, err := store.Create(root, "out/f", list, store.Options{}); !errors.Is(err, fault.Invalid) {
		t.Error("through a link:", err)
	}
	for _, suffix := range []string{".part", ".part.state", ".part.state.new"} {
		os.WriteFile(outside+"/victim", []byte("victim"), 0o666)
		if err := os.Symlink(outside+"/victim", dir+"/f"+suffix); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(root, "f", list, store.Options{Force: true}); !errors.Is(err, fault.Exists) {
			t.Errorf("a link as %s: %v", suffix, err)
		}
		os.Remove(dir + "/f" + suffix)
		os.Remove(dir + "/f.part.state")
		wantContent(t, outside+"/victim", []byte("victim"))
	}
	os.Remove(outside + "/victim")
	wantFiles(t, outside)
	// A link with the final name is replaced, not followed.
	if err := os.Symlink(outside+"/new", dir+"/f"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(root, "f", list, store.Options{}); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
	p := create(t, root, "f", list, store.Options{Force: true})
	fill(t, p, storetest.Content(10))
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantFiles(t, outside)
	wantContent(t, dir+"/f", storetest.Content(10))
}

func TestAFileInThePlaceOfAFolder(t *testing.T) {
	root, dir := folder(t)
	os.WriteFile(dir+"/a", nil, 0o666)
	if _, err := store.Create(root, "a/f", storetest.List(t, nil), store.Options{}); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
}

func TestFoldersInTheWayOfTheParts(t *testing.T) {
	for _, suffix := range []string{".part", ".part.state", ".part.state.new"} {
		root, dir := folder(t)
		os.MkdirAll(dir+"/f"+suffix, 0o777)
		_, err := store.Create(root, "f", storetest.List(t, nil), store.Options{})
		if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "a folder") {
			t.Errorf("%s: %v", suffix, err)
		}
	}
}

func TestNoPermission(t *testing.T) {
	if os.Getuid() == 0 {
		asUser(t, "TestNoPermission")
		return
	}
	root, dir := folder(t)
	data := storetest.Content(100)
	list := storetest.List(t, data)
	os.Mkdir(dir+"/locked", 0o555)
	if _, err := store.Create(root, "locked/f", list, store.Options{}); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "permission") {
		t.Error("a folder that can not be written to:", err)
	}
	if _, err := store.Create(root, "locked/sub/f", list, store.Options{}); !errors.Is(err, fault.Refused) {
		t.Error("a folder below one:", err)
	}
	// A finished mode without writing must not be in the way of going on.
	p := create(t, root, "f", list, store.Options{Mode: 0o444})
	fill(t, p, data)
	p.Close()
	os.Chmod(dir+"/f.part", 0o444)
	p = create(t, root, "f", list, store.Options{Mode: 0o444})
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantContent(t, dir+"/f", data)
	if _, err := store.HashFile(t.Context(), noRead(t, dir), nil, nil); !errors.Is(err, fault.Refused) {
		t.Error("hashing what can not be read:", err)
	}
}

func noRead(t *testing.T, dir string) string {
	t.Helper()
	if err := os.WriteFile(dir+"/unreadable", []byte("x"), 0o200); err != nil {
		t.Fatal(err)
	}
	return dir + "/unreadable"
}

// What a state claims although somebody cut, removed or exchanged the data is
// not believed.
func TestDataThatDoesNotFitItsState(t *testing.T) {
	data := storetest.Content(10 * content.MinChunk)
	list := storetest.List(t, data)
	for name, c := range map[string]struct {
		change func(part string) error
		left   int
	}{
		"removed":              {os.Remove, 0},
		"empty":                {func(part string) error { return os.Truncate(part, 0) }, 0},
		"cut in a chunk":       {func(part string) error { return os.Truncate(part, 3*content.MinChunk+5) }, 3},
		"longer":               {func(part string) error { return os.Truncate(part, 11*content.MinChunk) }, 8},
		"a copy":               {func(part string) error { return replace(part, func(b []byte) {}) }, 8},
		"a copy with an error": {func(part string) error { return replace(part, func(b []byte) { b[content.MinChunk] ^= 1 }) }, 7},
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := folder(t)
			p := create(t, root, "f", list, store.Options{})
			for i := range 8 {
				put(t, p, data, i)
			}
			p.Close()
			if err := c.change(dir + "/f.part"); err != nil {
				t.Fatal(err)
			}
			for range 2 { // and what was found out is remembered
				p = create(t, root, "f", list, store.Options{})
				if got := p.Have().Count(); got != c.left {
					t.Errorf("%d chunks, not %d", got, c.left)
				}
				p.Close()
			}
			p = create(t, root, "f", list, store.Options{Progress: func(int64) { t.Error("verified once more") }})
			fill(t, p, data)
			if err := p.Finish(); err != nil {
				t.Fatal(err)
			}
			wantContent(t, dir+"/f", data)
		})
	}
}

// replace makes name another file, with its content changed.
func replace(name string, change func(b []byte)) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	change(b)
	if err := os.WriteFile(name+".copy", b, 0o666); err != nil {
		return err
	}
	return os.Rename(name+".copy", name)
}

func TestADamagedStateCostsTimeAndNoData(t *testing.T) {
	data := storetest.Content(10*content.MinChunk + 1)
	list := storetest.List(t, data)
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":         func(b []byte) []byte { return nil },
		"garbage":       func(b []byte) []byte { return bytes.Repeat([]byte("garbage"), 1000) },
		"cut":           func(b []byte) []byte { return b[:len(b)-1] },
		"half":          func(b []byte) []byte { return b[:len(b)/2] },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		"magic":         func(b []byte) []byte { b[0]++; return b },
		"later version": func(b []byte) []byte { b[15]++; return b },
		"size":          func(b []byte) []byte { b[23]++; return b },
		"size negative": func(b []byte) []byte { b[16] = 0xff; return b },
		"id":            func(b []byte) []byte { b[30]++; return b },
		"checksum":      func(b []byte) []byte { b[60]++; return b },
		"list":          func(b []byte) []byte { b[512+40]++; return b },
		"bitmap":        func(b []byte) []byte { b[len(b)-1] |= 0x80; return b },
		"zeros":         func(b []byte) []byte { clear(b); return b },
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := folder(t)
			p := create(t, root, "f", list, store.Options{})
			for i := range 7 {
				put(t, p, data, i)
			}
			p.Close()
			b, err := os.ReadFile(dir + "/f.part.state")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+"/f.part.state", damage(b), 0o666); err != nil {
				t.Fatal(err)
			}
			var verified atomic.Int64
			p = create(t, root, "f", list, store.Options{Progress: func(n int64) { verified.Add(n) }})
			if p.Have().Count() != 7 || verified.Load() != list.Size() {
				t.Errorf("%d chunks were found by verifying %d bytes", p.Have().Count(), verified.Load())
			}
			fill(t, p, data)
			if err := p.Finish(); err != nil {
				t.Fatal(err)
			}
			wantContent(t, dir+"/f", data)
			wantFiles(t, dir, "f")
		})
	}
}

func TestFilesTakenAwayWhileTheyAreWritten(t *testing.T) {
	data := storetest.Content(2 * content.MinChunk)
	list := storetest.List(t, data)
	for _, gone := range []string{"f.part", "f.part.state"} {
		root, dir := folder(t)
		p := create(t, root, "f", list, store.Options{})
		fill(t, p, data)
		os.Remove(dir + "/" + gone)
		os.WriteFile(dir+"/"+gone, []byte("a stranger's"), 0o666)
		if err := p.Finish(); !errors.Is(err, fault.Changed) {
			t.Errorf("%s: %v", gone, err)
		}
		if _, err := os.Stat(dir + "/f"); err == nil {
			t.Errorf("%s: the file got its name", gone)
		}
	}
}

func TestReadingAFileThatWasCut(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(2 * content.MinChunk)
	p := create(t, root, "f", storetest.List(t, data), store.Options{})
	fill(t, p, data)
	os.Truncate(dir+"/f.part", content.MinChunk+1)
	if err := p.ReadChunk(1, make([]byte, content.MinChunk)); !errors.Is(err, fault.Changed) {
		t.Error(err)
	}
}
