package central

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// A server that has just started does not know its files yet. What it knows of them
// is no list: a folder would be fetched in part, or be missing.
func TestAServerThatHasNotLookedListsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "a"), 0o755), os.WriteFile(filepath.Join(dir, "a", "file"), []byte("x"), 0o644)); err != nil {
		t.Fatal(err)
	}
	unread, err := store.OpenFolder(dir, store.FolderConfig{}) // nobody runs it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unread.Close() })
	w := startHTTP(t, func(c *ServerConfig) { c.Folder = unread })
	c := dial(t, w.served)
	t.Run("LIST", func(t *testing.T) {
		t.Parallel()
		if _, err := c.Describe(t.Context(), "a/file", content.ID{}, nil); err != nil {
			t.Errorf("a file that is named is looked for: %v", err)
		}
		for entry, err := range c.List(t.Context(), "") {
			if !errors.Is(err, fault.Busy) || fault.RetryAfter(err) <= 0 {
				t.Errorf("%q, %v", entry.Name, err)
			}
		}
	})
	for path, want := range map[string]int{"/": 503, "/a/": 503, "/a": 503, "/a/file": 200} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if r, _ := w.ask(t, "GET", path); r.StatusCode != want {
				t.Error(r.Status)
			}
		})
	}
}
