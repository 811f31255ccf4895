package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// folderOf makes a collection of files, by path.
func folderOf(t testing.TB, all map[string][]byte) *content.Collection {
	t.Helper()
	var entries []content.Entry
	for name, data := range all {
		list := storetest.List(t, data)
		entries = append(entries, content.Entry{Path: name, Size: list.Size(), ID: list.ID(), List: list, Attributes: content.Attributes{Mode: 0o640, ModTime: past}})
	}
	b, err := content.EncodeCollection(entries)
	if err != nil {
		t.Fatal(err)
	}
	c, err := content.DecodeCollection(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pieceOf puts a piece together from the files it is of.
func pieceOf(c *content.Collection, all map[string][]byte, i int) []byte {
	var p []byte
	for s := range c.Segments(i) {
		p = append(p, all[c.Entries()[s.Entry].Path][c.List(s.Entry).Offset(s.Chunk):][:s.Len]...)
	}
	return p
}

// someFolder has files of all kinds: empty, small, longer than a piece, deep, and
// the same content twice.
func someFolder(seed uint64) map[string][]byte {
	r := rand.New(rand.NewPCG(seed, 7))
	all := map[string][]byte{"empty": {}, "a/b/c/empty": {}}
	for i := range 60 {
		data := storetest.Content(1 + r.Int64N(1<<(1+r.IntN(18))))
		data[0] = byte(i)
		all[fmt.Sprintf("%d/f%d", i%7, i)] = data
		if i%10 == 0 {
			all[fmt.Sprintf("again/%d", i)] = data
		}
	}
	return all
}

func newTree(t testing.TB, root *os.Root, c *content.Collection, opt store.TreeOptions) *store.Tree {
	t.Helper()
	tree := store.NewTree(root, "the folder", c, opt)
	t.Cleanup(func() { tree.Close() })
	if err := tree.Look(context.Background()); err != nil {
		t.Fatal(err)
	}
	return tree
}

// fillTree writes what is not done, and finishes.
func fillTree(t testing.TB, tree *store.Tree, all map[string][]byte) (written int) {
	t.Helper()
	c := tree.Collection()
	var group sync.WaitGroup
	for i := range content.FullSet(c.Len()).Minus(tree.Done()).All() {
		written++
		for range 2 { // as if two had brought it
			group.Go(func() {
				if err := tree.WriteChunk(i, pieceOf(c, all, i)); err != nil {
					t.Errorf("piece %d: %v", i, err)
				}
			})
		}
	}
	group.Wait()
	if err := tree.Finish(context.Background()); err != nil {
		t.Error(err)
	}
	if !tree.Done().Full() {
		t.Error("something is still wanted")
	}
	return written
}

func wantFolder(t testing.TB, dir string, all map[string][]byte) {
	t.Helper()
	var want []string
	for name, data := range all {
		want = append(want, "the folder/"+name)
		wantContent(t, filepath.Join(dir, "the folder", filepath.FromSlash(name)), data)
		if info, err := os.Stat(filepath.Join(dir, "the folder", filepath.FromSlash(name))); err != nil || !info.ModTime().Equal(past) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := files(t, dir)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("there are\n%q, not\n%q", got, want)
	}
}

func TestATreeBecomesTheFolder(t *testing.T) {
	for seed := range uint64(5) {
		all := someFolder(seed)
		root, dir := folder(t)
		placed := map[string]int{}
		var mu sync.Mutex
		tree := newTree(t, root, folderOf(t, all), store.TreeOptions{Placed: func(e content.Entry, kept int64) {
			mu.Lock()
			defer mu.Unlock()
			placed[e.Path]++
		}})
		fillTree(t, tree, all)
		wantFolder(t, dir, all)
		c := tree.Collection()
		for i := range c.Len() {
			p := make([]byte, c.ChunkLen(i))
			if err := tree.ReadChunk(i, p); err != nil || string(p) != string(pieceOf(c, all, i)) {
				t.Errorf("piece %d: %v", i, err)
			}
		}
		for name := range all {
			if placed[name] != 1 {
				t.Errorf("%s was placed %d times", name, placed[name])
			}
		}
		again := newTree(t, root, c, store.TreeOptions{})
		if n := fillTree(t, again, all); n != 0 || !again.Have().Full() {
			t.Errorf("the second time %d pieces were wanted", n)
		}
	}
}

// Killed at any moment, it goes on with all that was written; only pieces that
// were being written are wanted again.
func TestATreeGoesOnWhereItWasKilled(t *testing.T) {
	all := someFolder(3)
	c := folderOf(t, all)
	root, dir := folder(t)
	done := 0
	for done < c.Len() {
		tree := newTree(t, root, c, store.TreeOptions{})
		if got := tree.Done().Count(); got != done {
			t.Fatalf("%d pieces are held, of %d written", got, done)
		}
		lacking := slices.Collect(content.FullSet(c.Len()).Minus(tree.Done()).All())
		for _, i := range lacking[:min(5, len(lacking))] {
			if err := tree.WriteChunk(i, pieceOf(c, all, i)); err != nil {
				t.Fatal(err)
			}
			done++
		}
		tree.Close() // asks the disk for nothing
	}
	tree := newTree(t, root, c, store.TreeOptions{})
	if err := tree.Finish(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, all)
}

// What lies there under any name is not wanted again.
func TestATreeTakesOverWhatLiesThere(t *testing.T) {
	all := someFolder(4)
	c := folderOf(t, all)
	root, dir := folder(t)
	for name, data := range all {
		other := filepath.Join(dir, "the folder", "old", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(other), 0o777), os.WriteFile(other, data, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	tree := newTree(t, root, c, store.TreeOptions{})
	if n := fillTree(t, tree, all); n != 0 {
		t.Errorf("%d of %d pieces were wanted", n, c.Len())
	}
	if err := os.RemoveAll(filepath.Join(dir, "the folder", "old")); err != nil {
		t.Fatal(err)
	}
	wantFolder(t, dir, all)
}

func TestATreeGoesOnWithoutTheFilesThatFail(t *testing.T) {
	all := someFolder(5)
	c := folderOf(t, all)
	root, dir := folder(t)
	inTheWay := map[string]bool{"0/f0": true, "5/f12": true, "empty": true} // 0/f0 is again/0 as well
	for name := range inTheWay {
		at := filepath.Join(dir, "the folder", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o777), os.WriteFile(at, []byte("mine"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	failed := map[string]error{}
	tree := newTree(t, root, c, store.TreeOptions{Failed: func(e content.Entry, err error) error {
		mu.Lock()
		defer mu.Unlock()
		failed[e.Path] = err
		return nil
	}})
	fillTree(t, tree, all)
	for name, data := range all {
		if inTheWay[name] {
			data = []byte("mine")
			if !errors.Is(failed[name], fault.Exists) {
				t.Errorf("%s: %v", name, failed[name])
			}
		}
		wantContent(t, filepath.Join(dir, "the folder", filepath.FromSlash(name)), data)
	}
	if len(failed) != len(inTheWay) {
		t.Errorf("%v failed", failed)
	}
	for i := range tree.Have().All() { // what is said to be held can be read
		if err := tree.ReadChunk(i, make([]byte, c.ChunkLen(i))); err != nil {
			t.Errorf("piece %d: %v", i, err)
		}
	}
	forced := newTree(t, root, c, store.TreeOptions{Force: true})
	fillTree(t, forced, all)
	wantFolder(t, dir, all)
}

func TestATreeRefusesWrongPieces(t *testing.T) {
	all := someFolder(6)
	c := folderOf(t, all)
	root, dir := folder(t)
	tree := newTree(t, root, c, store.TreeOptions{})
	for i := range c.Len() {
		p := pieceOf(c, all, i)
		p[len(p)-1] ^= 1
		if err := tree.WriteChunk(i, p); !errors.Is(err, fault.Corrupt) {
			t.Fatalf("piece %d: %v", i, err)
		}
		if err := tree.WriteChunk(i, p[1:]); !errors.Is(err, fault.Corrupt) {
			t.Fatalf("piece %d, a byte short: %v", i, err)
		}
	}
	if err := tree.WriteChunk(c.Len(), nil); !errors.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("%q were written", got)
	}
}

// A file that changes while it is shared takes only its own pieces with it; one
// that is only touched takes none.
func TestATreeLosesOnlyWhatHasChanged(t *testing.T) {
	all := someFolder(7)
	c := folderOf(t, all)
	root, dir := folder(t)
	fillTree(t, newTree(t, root, c, store.TreeOptions{}), all)
	var failed []string
	tree := newTree(t, root, c, store.TreeOptions{Failed: func(e content.Entry, _ error) error {
		failed = append(failed, e.Path)
		return nil
	}})
	at := func(name string) string { return filepath.Join(dir, "the folder", filepath.FromSlash(name)) }
	if err := errors.Join(os.WriteFile(at("3/f3"), []byte("x"), 0o666), os.Chtimes(at("4/f4"), time.Now(), time.Now())); err != nil {
		t.Fatal(err)
	}
	for i := range c.Len() {
		mine := false
		for s := range c.Segments(i) {
			mine = mine || c.Entries()[s.Entry].Path == "3/f3"
		}
		err := tree.ReadChunk(i, make([]byte, c.ChunkLen(i)))
		if mine != errors.Is(err, fault.Changed) && mine != errors.Is(err, fault.NotFound) || !mine && err != nil {
			t.Errorf("piece %d (of the changed file: %v): %v", i, mine, err)
		}
		if tree.Have().Has(i) == mine {
			t.Errorf("piece %d is said to be held: %v", i, !mine)
		}
	}
	if err := tree.Check(context.Background()); err != nil || !slices.Equal(failed, []string{"3/f3"}) {
		t.Errorf("%q, %v", failed, err)
	}
}

// What is asked for of the pieces adds up to the files that are wanted, each
// content once, wherever the wanted one of several alike is.
func TestTreeKnowsWhatIsAskedFor(t *testing.T) {
	all := someFolder(3)
	c := folderOf(t, all)
	for _, only := range []string{"", "3", "again", "again/20", "a"} {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		tree := newTree(t, root, c, store.TreeOptions{Only: only})
		want, got := map[content.ID]int64{}, int64(0)
		for _, e := range c.Entries() {
			if only == "" || e.Path == only || strings.HasPrefix(e.Path, only+"/") {
				want[e.ID] = e.Size
			}
		}
		for i := range c.Len() {
			got += tree.Asked(i)
		}
		sum := int64(0)
		for _, size := range want {
			sum += size
		}
		if got != sum {
			t.Errorf("of %q %d bytes are asked for, not %d", only, got, sum)
		}
	}
}

// A small file that comes alone finishes what its piece lacks; a file that nobody
// has is named, and the others are finished.
func TestATreeTakesFilesThatComeAlone(t *testing.T) {
	all := someFolder(8)
	c := folderOf(t, all)
	root, dir := folder(t)
	var failed []string
	tree := newTree(t, root, c, store.TreeOptions{Failed: func(e content.Entry, _ error) error {
		failed = append(failed, e.Path)
		return nil
	}})
	if !tree.Gone() {
		t.Error("what has not come is there")
	}
	for i, entries := range tree.Lacking() {
		for _, entry := range entries {
			name := c.Entries()[entry].Path
			if c.List(entry).Len() > 1 {
				_ = tree.WriteChunk(i, pieceOf(c, all, i)) // it is asked below whether it came
				continue
			}
			wrong := slices.Clone(all[name])
			wrong[0] ^= 1
			if err := tree.WriteFile(entry, wrong); !errors.Is(err, fault.Corrupt) {
				t.Errorf("%s, changed: %v", name, err)
			}
			if name == "3/f3" {
				if err := tree.GiveUp(entry, fault.NotFound); err != nil {
					t.Error(err)
				}
				continue
			}
			if err := tree.WriteFile(entry, all[name]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for i, entries := range tree.Lacking() {
		t.Errorf("piece %d is wanted still, for %v", i, entries)
	}
	if err := tree.Finish(t.Context()); err != nil || tree.Gone() || len(failed) == 0 || failed[0] != "3/f3" {
		t.Errorf("%q, %v, %v", failed, tree.Gone(), err)
	}
	got := files(t, dir)
	for _, name := range failed { // 3/f3, and those with its content
		if !slices.Equal(all[name], all["3/f3"]) {
			t.Errorf("%s failed as well", name)
		}
	}
	if len(got) != len(all)-len(failed) {
		t.Errorf("%d files of %d, %d of which failed", len(got), len(all), len(failed))
	}
}
