package store_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// A touch is no change: chunks are given on, and a look at the whole file knows
// its new time. A single byte is one.
func TestASharedFileThatIsTouchedIsStillShared(t *testing.T) {
	dir := t.TempDir()
	data := bytes.Repeat([]byte("starmesh"), 30_000)
	if err := os.WriteFile(dir+"/f", data, 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir + "/f")
	if err != nil {
		t.Fatal(err)
	}
	f := store.NewShelved(root, "f", list, store.StampOf(info))
	p := make([]byte, list.ChunkLen(0))
	other := time.Unix(1_600_000_000, 0)
	if err := os.Chtimes(dir+"/f", other, other); err != nil {
		t.Fatal(err)
	}
	if err := f.ReadChunk(0, p); err != nil || !bytes.Equal(p, data[:len(p)]) {
		t.Error("touched:", err)
	}
	if err := f.Check(t.Context()); err != nil {
		t.Error("touched:", err)
	}
	if held, err := f.Open(); err != nil {
		t.Error("its new time is not known:", err)
	} else {
		held.Close()
	}
	data[0]++
	if err := os.WriteFile(dir+"/f", data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.ReadChunk(0, p); !errors.Is(err, fault.Changed) {
		t.Error("a chunk that changed:", err)
	}
	if err := f.ReadChunk(1, p[:list.ChunkLen(1)]); err != nil {
		t.Error("a chunk that did not:", err)
	}
	if err := f.Check(t.Context()); !errors.Is(err, fault.Changed) {
		t.Error("changed:", err)
	}
	os.Remove(dir + "/f")
	if err := f.Check(t.Context()); !errors.Is(err, fault.NotFound) {
		t.Error("gone:", err)
	}
}
