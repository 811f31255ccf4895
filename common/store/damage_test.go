package store_test

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

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
