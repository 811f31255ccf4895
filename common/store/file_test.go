package store_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// folder returns an empty folder.
func folder(t testing.TB) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

// create begins or resumes a Part that must be possible.
func create(t testing.TB, root *os.Root, name string, list content.ChunkList, opt store.Options) *store.Part {
	t.Helper()
	p, err := store.Create(root, name, list, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func fill(t testing.TB, f store.File, data []byte) {
	t.Helper()
	for i := range f.Chunks().Len() {
		put(t, f, data, i)
	}
}

func put(t testing.TB, f store.File, data []byte, i int) {
	t.Helper()
	if err := f.WriteChunk(i, storetest.Chunk(f.Chunks(), data, i)); err != nil {
		t.Fatalf("chunk %d: %v", i, err)
	}
}

func TestMemoryIsAFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, list content.ChunkList) store.File { return store.NewMemory(list) })
}

func TestMemoryGivesItsBytesOnlyWhenWhole(t *testing.T) {
	data := storetest.Content(200 << 10)
	m := store.NewMemory(storetest.List(t, data))
	if _, err := m.Bytes(); !errors.Is(err, fault.Invalid) {
		t.Error(err)
	}
	fill(t, m, data)
	if got, err := m.Bytes(); err != nil || !bytes.Equal(got, data) {
		t.Error("other bytes", err)
	}
}

func TestFreshPartIsAFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, list content.ChunkList) store.File {
		root, _ := folder(t)
		return create(t, root, "f", list, store.Options{})
	})
}

func TestResumedPartIsAFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, list content.ChunkList) store.File {
		root, _ := folder(t)
		data := storetest.Content(list.Size())
		p := create(t, root, "a/f", list, store.Options{})
		for i := 0; i < list.Len(); i += 3 {
			put(t, p, data, i)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		p = create(t, root, "a/f", list, store.Options{})
		if got, want := p.Have().Count(), (list.Len()+2)/3; got != want {
			t.Fatalf("%d chunks after the resume, not %d", got, want)
		}
		return p
	})
}

// A Part whose state was lost knows what it has from the data alone.
func TestSalvagedPartIsAFile(t *testing.T) {
	storetest.Run(t, func(t *testing.T, list content.ChunkList) store.File {
		root, dir := folder(t)
		data := storetest.Content(list.Size())
		p := create(t, root, "f", list, store.Options{})
		for i := 0; i < list.Len(); i += 2 {
			put(t, p, data, i)
		}
		p.Close()
		if err := os.Remove(dir + "/f.part.state"); err != nil {
			t.Fatal(err)
		}
		p = create(t, root, "f", list, store.Options{})
		if got, want := p.Have().Count(), (list.Len()+1)/2; got != want {
			t.Fatalf("%d chunks were found in the data, not %d", got, want)
		}
		return p
	})
}

func TestHeldGivesEverythingAndTakesNothing(t *testing.T) {
	for _, size := range storetest.Sizes {
		root, dir := folder(t)
		data := storetest.Content(size)
		list := storetest.List(t, data)
		h := held(t, root, dir, data)
		if !h.Have().Full() || h.Chunks().ID() != list.ID() {
			t.Errorf("%d bytes: %d chunks held", size, h.Have().Count())
		}
		for i := range list.Len() {
			p := make([]byte, list.ChunkLen(i))
			if err := h.ReadChunk(i, p); err != nil || !bytes.Equal(p, storetest.Chunk(list, data, i)) {
				t.Errorf("%d bytes, chunk %d: %v", size, i, err)
			}
			if err := h.WriteChunk(i, p); !errors.Is(err, fault.ReadOnly) {
				t.Errorf("%d bytes, chunk %d written: %v", size, i, err)
			}
		}
		for _, i := range []int{-1, list.Len()} {
			if err := h.ReadChunk(i, make([]byte, 1)); !errors.Is(err, fault.Invalid) {
				t.Errorf("chunk %d: %v", i, err)
			}
		}
		for range 2 { // closing twice is no error
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// held writes data to a file and opens it.
func held(t testing.TB, root *os.Root, dir string, data []byte) *store.Held {
	t.Helper()
	name := dir + "/held"
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	h, err := store.OpenHeld(root, "held", storetest.List(t, data), store.StampOf(info))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestHeldNoticesThatItsFileChanged(t *testing.T) {
	data := storetest.Content(200 << 10)
	for name, change := range map[string]func(file string) error{
		"cut":       func(file string) error { return os.Truncate(file, 100) },
		"longer":    func(file string) error { return os.Truncate(file, 300<<10) },
		"written":   func(file string) error { return os.WriteFile(file, bytes.Repeat([]byte("x"), 200<<10), 0) },
		"an hour":   func(file string) error { return os.Chtimes(file, past, past) },
		"cut short": func(file string) error { return os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			root, dir := folder(t)
			h := held(t, root, dir, data)
			if err := h.Changed(); err != nil {
				t.Fatal("before:", err)
			}
			old(t, dir+"/held", h)
			if err := change(dir + "/held"); err != nil {
				t.Fatal(err)
			}
			if err := h.Changed(); !errors.Is(err, fault.Changed) {
				t.Error("Changed:", err)
			}
			if err := h.ReadChunk(2, make([]byte, 64<<10)); !errors.Is(err, fault.Changed) {
				t.Error("ReadChunk:", err)
			}
		})
	}
}

func TestHeldStaysRightWhenAnotherFileTakesItsName(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(100)
	h := held(t, root, dir, data)
	if err := os.WriteFile(dir+"/new", []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/new", dir+"/held"); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 100)
	if err := h.ReadChunk(0, p); err != nil || !bytes.Equal(p, data) {
		t.Error("the open file is no longer right:", err)
	}
}

func TestHeldRefusesWhatIsNoFileOfItsOwn(t *testing.T) {
	root, dir := folder(t)
	outside := t.TempDir()
	os.WriteFile(outside+"/secret", []byte("secret"), 0o666)
	os.WriteFile(dir+"/plain", []byte("plain"), 0o666)
	os.Mkdir(dir+"/sub", 0o777)
	for link, target := range map[string]string{
		"out": outside + "/secret", "rel": "../" + outside + "/secret", "in": "plain", "dir": outside,
	} {
		if err := os.Symlink(target, dir+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
	info, _ := os.Stat(dir + "/plain")
	list := storetest.List(t, []byte("plain"))
	for _, name := range []string{"out", "rel", "in", "dir", "dir/secret", "sub", "none", "../x", "/etc/passwd"} {
		h, err := store.OpenHeld(root, name, list, store.StampOf(info))
		if err == nil {
			h.Close()
			t.Errorf("%s was opened", name)
			continue
		}
		if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
