package store_test

import (
	"os"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// What kill -9 leaves beside a finished file is cleared by whoever finds the file
// whole.
func TestTidyRemovesWhatIsLeftBesideAFinishedFile(t *testing.T) {
	data := storetest.Content(3*content.MinChunk + 1)
	list := storetest.List(t, data)
	for steps := range 10 {
		root, dir := folder(t)
		p, err := store.Create(root, "f", list, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Len() {
			if err := p.WriteChunk(i, data[list.Offset(i):][:list.ChunkLen(i)]); err != nil {
				t.Fatal(err)
			}
		}
		all, err := p.FinishSteps(steps)
		if err != nil {
			t.Fatal(err)
		}
		if steps > all {
			p.Kill()
			return
		}
		if err := store.Tidy(root, "f", list.ID()); err != nil {
			t.Error("while it is in use:", err)
		}
		p.Kill()
		if _, err := os.Stat(dir + "/f"); err != nil { // somebody else made it
			os.WriteFile(dir+"/f", data, 0o666)
		}
		for _, id := range []content.ID{{1}, list.ID()} {
			if err := store.Tidy(root, "f", id); err != nil {
				t.Error(err)
			}
			left, _ := os.ReadDir(dir)
			if id != list.ID() && steps < all && len(left) < 2 {
				t.Error("what is another file's was removed")
			}
		}
		wantFiles(t, dir, "f")
	}
	t.Error("Finish has no end")
}

func TestTidyLeavesWhatIsNotOurs(t *testing.T) {
	root, dir := folder(t)
	os.WriteFile(dir+"/f", nil, 0o666)
	os.WriteFile(dir+"/f.part", []byte("a browser's"), 0o666)
	os.WriteFile(dir+"/f.part.state", []byte("somebody's notes"), 0o666)
	if err := store.Tidy(root, "f", storetest.List(t, nil).ID()); err != nil {
		t.Error(err)
	}
	wantFiles(t, dir, "f", "f.part", "f.part.state")
}
