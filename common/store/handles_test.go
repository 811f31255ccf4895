package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// Small reads what Open would, and nothing that is no longer what was hashed.
func TestSmallFilesAreReadAsTheyWereHashed(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	f, err := store.OpenFolder(dir, store.FolderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ids, datas := map[string]content.ID{}, map[string][]byte{}
	for i, name := range []string{"good", "a/good", "a/changed", "a/gone", "a/link", "a/folder", "b/moved", "large", "empty"} {
		data := storetest.Content(int64(1000 + i))
		switch name {
		case "large":
			data = storetest.Content(100_001)
		case "empty":
			data = nil
		}
		oldFile(t, at(name), data)
		entry, _, err := f.Describe(t.Context(), name, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		ids[name], datas[name] = entry.ID, data
	}
	if err := errors.Join(
		os.WriteFile(at("a/changed"), storetest.Content(1002)[1:], 0o666), os.Remove(at("a/gone")),
		os.Rename(at("a/link"), at("elsewhere")), os.Symlink(at("elsewhere"), at("a/link")),
		os.Remove(at("a/folder")), os.Mkdir(at("a/folder"), 0o777),
		os.Rename(at("b"), at("c")), os.Symlink(at("c"), at("b")),
	); err != nil {
		t.Skip(err) // a system without links
	}
	small := f.Small()
	defer small.Close()
	for name, id := range ids {
		before := []byte("before")
		b, ok := small.Append(before, id, 100_000)
		if good := name == "good" || name == "a/good"; ok != good || ok && !bytes.Equal(b, append(before, datas[name]...)) || !ok && string(b) != "before" {
			t.Errorf("%s: %v, %d bytes", name, ok, len(b))
		}
	}
	if _, ok := small.Append(nil, content.ID{1}, 1000); ok {
		t.Error("an id that nothing has")
	}
}
