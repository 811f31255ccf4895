package store_test

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// Killed between any two steps of Finish, the next Create goes on and ends
// with the same file, whether another one was to be replaced or not.
func TestFinishKilledBetweenAnyTwoSteps(t *testing.T) {
	data := storetest.Content(3*content.MinChunk + 1)
	for _, c := range []struct {
		name string
		data []byte
		opt  store.Options
		was  string
	}{
		{"plain", data, store.Options{}, ""},
		{"with mode and time", data, store.Options{Mode: 0o444, ModTime: past}, ""},
		{"at the epoch", data, store.Options{ModTime: time.Unix(0, 0)}, ""},
		{"replacing", data, store.Options{Force: true, Mode: 0o600}, "mine"},
		{"empty", nil, store.Options{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := storetest.List(t, c.data)
			for done, all := 0, 1; done <= all; done++ {
				root, dir := folder(t)
				if c.was != "" {
					os.WriteFile(dir+"/f", []byte(c.was), 0o666)
				}
				p := create(t, root, "f", list, c.opt)
				fill(t, p, c.data)
				var err error
				if all, err = p.FinishSteps(done); err != nil {
					t.Fatal(err)
				}
				p.Kill()
				if b, _ := os.ReadFile(dir + "/f"); string(b) != c.was && !bytes.Equal(b, c.data) {
					t.Fatalf("after %d steps the file is neither the old nor the new one", done)
				}
				goOn(t, root, dir, list, c.opt, c.data, done == all)
			}
		})
	}
}

// goOn finishes what a killed process left. ended says that it had done so.
func goOn(t *testing.T, root *os.Root, dir string, list content.ChunkList, opt store.Options, data []byte, ended bool) {
	t.Helper()
	opt.Progress = func(int64) { t.Error("something was verified again") }
	p, err := store.Create(root, "f", list, opt)
	if ended && !opt.Force {
		if !errors.Is(err, fault.Exists) {
			t.Errorf("after the end: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if ended {
		fill(t, p, data)
	} else if p.Resumed() != list.Size() {
		t.Errorf("%d of %d bytes are left", p.Resumed(), list.Size())
	}
	for i := range list.Len() {
		b := make([]byte, list.ChunkLen(i))
		if err := p.ReadChunk(i, b); err != nil || list.Verify(i, b) != nil {
			t.Errorf("chunk %d: %v", i, err)
		}
	}
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "f")
	wantContent(t, dir+"/f", data)
	info, _ := os.Stat(dir + "/f")
	if !opt.ModTime.IsZero() && !info.ModTime().Equal(opt.ModTime) || opt.Mode != 0 && info.Mode() != opt.Mode {
		t.Errorf("%s, %s", info.Mode(), info.ModTime())
	}
}

// A state that was left after the renaming does not vouch for another file
// that has the name by now.
func TestAStateLeftBehindDoesNotVouchForAnother(t *testing.T) {
	data := storetest.Content(100)
	list := storetest.List(t, data)
	for name, change := range map[string]func(f string) error{
		"another file": func(f string) error { return replace(f, func(b []byte) { b[0] ^= 1 }) },
		"a twin": func(f string) error {
			info, err := os.Stat(f)
			if err != nil {
				return err
			}
			if err := replace(f, func(b []byte) { b[0] ^= 1 }); err != nil {
				return err
			}
			return os.Chtimes(f, info.ModTime(), info.ModTime())
		},
		"another time":      func(f string) error { return os.Chtimes(f, past, past) },
		"another length":    func(f string) error { return os.Truncate(f, 99) },
		"a link to another": func(f string) error { os.Remove(f); return os.Symlink("x", f) },
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := folder(t)
			p := create(t, root, "f", list, store.Options{})
			fill(t, p, data)
			all, _ := p.FinishSteps(0)
			if _, err := p.FinishSteps(all - 1); err != nil {
				t.Fatal(err)
			}
			p.Kill()
			wantFiles(t, dir, "f", "f.part.state")
			if err := change(dir + "/f"); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Create(root, "f", list, store.Options{}); !errors.Is(err, fault.Exists) {
				t.Error(err)
			}
			p = create(t, root, "f", list, store.Options{Force: true})
			if p.Resumed() != 0 {
				t.Errorf("%d bytes of nothing", p.Resumed())
			}
			fill(t, p, data)
			if err := p.Finish(); err != nil {
				t.Error(err)
			}
			wantContent(t, dir+"/f", data)
		})
	}
}

// What a process leaves that is killed while it begins.
func TestCreateKilledAnywhere(t *testing.T) {
	data := storetest.Content(6*content.MinChunk + 9)
	list := storetest.List(t, data)
	three := append(bytes.Clone(data[:3*content.MinChunk]), make([]byte, 3*content.MinChunk+9)...)
	for name, c := range map[string]struct {
		files map[string][]byte
		held  int
	}{
		"while the state is written aside":     {map[string][]byte{"f.part.state.new": store.EncodeState(list, false)[:700]}, 0},
		"before the state has its name":        {map[string][]byte{"f.part.state.new": store.EncodeState(list, false)}, 0},
		"before there is data":                 {map[string][]byte{"f.part.state": store.EncodeState(list, false)}, 0},
		"before the data has its length":       {map[string][]byte{"f.part.state": store.EncodeState(list, false), "f.part": {}}, 0},
		"while the data gets its length":       {map[string][]byte{"f.part.state": store.EncodeState(list, false), "f.part": make([]byte, 1000)}, 0},
		"before the first chunk":               {map[string][]byte{"f.part.state": store.EncodeState(list, false), "f.part": make([]byte, len(data))}, 0},
		"while the data is salvaged":           {map[string][]byte{"f.part.state": store.EncodeState(list, true), "f.part": three}, 3},
		"while the data is salvaged, no state": {map[string][]byte{"f.part.state.new": store.EncodeState(list, true), "f.part": three}, 3},
		"data without a state":                 {map[string][]byte{"f.part": three}, 3},
		"longer data without a state":          {map[string][]byte{"f.part": append(bytes.Clone(three), 1, 2, 3)}, 3},
		"shorter data without a state":         {map[string][]byte{"f.part": three[:3*content.MinChunk+5]}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := folder(t)
			for name, b := range c.files {
				if err := os.WriteFile(dir+"/"+name, b, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			p := create(t, root, "f", list, store.Options{})
			if got := p.Have().Count(); got != c.held {
				t.Errorf("%d chunks, not %d", got, c.held)
			}
			fill(t, p, data)
			p.Kill()
			p = create(t, root, "f", list, store.Options{Progress: func(int64) { t.Error("verified again") }})
			if err := p.Finish(); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, dir, "f")
			wantContent(t, dir+"/f", data)
		})
	}
}

// The state's bits are put in by many at once, while one of them syncs.
func TestManyWritersAndASync(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(400*content.MinChunk + 1)
	list := storetest.List(t, data)
	p := create(t, root, "f", list, store.Options{})
	p.SyncEvery(10 * content.MinChunk)
	var group sync.WaitGroup
	for from := range 8 {
		group.Go(func() {
			for i := from; i < list.Len(); i += 8 {
				put(t, p, data, i)
			}
		})
	}
	group.Wait()
	p.Kill()
	p = create(t, root, "f", list, store.Options{})
	if !p.Have().Full() {
		t.Errorf("%d of %d chunks", p.Have().Count(), list.Len())
	}
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantContent(t, dir+"/f", data)
}

// Close and Finish wait for chunks on their way, and none is lost or written
// after.
func TestCloseWhileWriting(t *testing.T) {
	data := storetest.Content(64 * content.MinChunk)
	list := storetest.List(t, data)
	for range 20 {
		root, _ := folder(t)
		p := create(t, root, "f", list, store.Options{})
		grew := p.Grew() // before the writers begin: they may be done before the next line
		var group sync.WaitGroup
		var kept atomic.Int64
		for from := range 4 {
			group.Go(func() {
				for i := from; i < list.Len(); i += 4 {
					switch err := p.WriteChunk(i, storetest.Chunk(list, data, i)); {
					case err == nil:
						kept.Add(1)
					case !errors.Is(err, fault.Closed):
						t.Error(err)
					}
				}
			})
		}
		<-grew
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		group.Wait()
		p = create(t, root, "f", list, store.Options{})
		if got := int64(p.Have().Count()); got != kept.Load() {
			t.Errorf("%d chunks were accepted, %d are there", kept.Load(), got)
		}
	}
}

func FuzzDecodeState(f *testing.F) {
	for _, size := range []int64{0, 1, 5*content.MinChunk + 1} {
		list := storetest.List(f, storetest.Content(size))
		f.Add(store.EncodeState(list, false))
		f.Add(store.EncodeState(list, true))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := store.DecodeState(b)
		if err == nil && !bytes.Equal(b[store.AtList:store.WrittenAt(list)], list.Bytes()) {
			t.Error("another list came out than went in")
		}
	})
}

// Data without a state is looked through; killed meanwhile, the next Create
// looks through it again.
func TestKilledWhileDataIsSalvaged(t *testing.T) {
	data := storetest.Content(6 * content.MinChunk)
	list := storetest.List(t, data)
	root, dir := folder(t)
	if err := os.WriteFile(dir+"/f.part", data[:5*content.MinChunk], 0o666); err != nil {
		t.Fatal(err)
	}
	other, there := folder(t)
	var once sync.Once
	create(t, root, "f", list, store.Options{Progress: func(int64) {
		once.Do(func() { // what is on the disk now is what a kill leaves
			for _, name := range []string{"f.part", "f.part.state"} {
				b, err := os.ReadFile(dir + "/" + name)
				if err != nil {
					t.Error(err)
				}
				os.WriteFile(there+"/"+name, b, 0o666)
			}
		})
	}})
	if p := create(t, other, "f", list, store.Options{}); p.Have().Count() != 5 {
		t.Errorf("%d chunks of 5", p.Have().Count())
	}
}
