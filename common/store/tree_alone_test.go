package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// TestAFileOfAFolderIsHashedOnce for its own chunks, however often somebody asks for
// it alone: what the cache has is believed while the file looks as it did.
func TestAFileOfAFolderIsHashedOnce(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	cache, err := store.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data := storetest.Content(3*content.MinChunk + 1)
	at := filepath.Join(dir, "a")
	old := time.Now().Add(-time.Hour)
	write := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(at, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(at, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(data)
	tree := store.NewTree(root, "", folderOf(t, map[string][]byte{"a": data}), store.TreeOptions{Cache: cache})
	defer tree.Close()
	info, err := os.Stat(at)
	if err != nil {
		t.Fatal(err)
	}
	tree.Hold(func(content.Entry) store.Stamp { return store.StampOf(info) })
	if _, err := tree.File(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	write(bytes.Repeat([]byte{1}, len(data))) // to hash it would tell
	file, err := tree.File(t.Context(), 0)
	if err != nil || file.Chunks().ID() != storetest.List(t, data).ID() {
		t.Error("it was hashed again:", err)
	}
}
