package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// testFolder is a folder on the disk of one node.
type testFolder struct {
	dir      string
	manifest *store.Memory
	*store.Tree
}

// makeFolder makes a folder of n files, some of them empty or alike, and one that
// is longer than a piece.
func makeFolder(t testing.TB, n int) testFolder {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var entries []content.Entry
	for i := range n {
		data := make([]byte, r.IntN(20_000))
		if i == n/2 {
			data = make([]byte, 5*chunk+1)
		}
		for at := range data {
			data[at] = byte(r.Uint32())
		}
		if i%50 == 7 {
			data = []byte("the same")
		}
		name := fmt.Sprintf("%d/%d", i%10, i)
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o777), os.WriteFile(at, data, 0o666)); err != nil {
			t.Fatal(err)
		}
		list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, content.Entry{Path: name, Size: list.Size(), ID: list.ID(), List: list})
	}
	text, err := content.EncodeCollection(entries)
	if err != nil {
		t.Fatal(err)
	}
	list, err := content.Hash(t.Context(), bytes.NewReader(text), int64(len(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	manifest := store.NewMemory(list)
	for i := range list.Len() {
		if err := manifest.WriteChunk(i, text[list.Offset(i):][:list.ChunkLen(i)]); err != nil {
			t.Fatal(err)
		}
	}
	return openFolder(t, dir, manifest)
}

// openFolder is a folder with that manifest, of which what is in dir is there.
func openFolder(t testing.TB, dir string, manifest *store.Memory) testFolder {
	t.Helper()
	text, err := manifest.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	c, err := content.DecodeCollection(text)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	tree := store.NewTree(root, "", c, store.TreeOptions{})
	if err := tree.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	return testFolder{dir: dir, manifest: manifest, Tree: tree}
}

// fetchFolder brings the folder with that manifest to n, into a folder of its own.
func (n testNode) fetchFolder(t testing.TB, ctx context.Context, id content.ID) testFolder {
	t.Helper()
	list, name, err := n.ChunkList(ctx, id)
	if err != nil {
		t.Error(err)
		return testFolder{}
	}
	manifest := store.NewMemory(list)
	if err := n.Fetch(ctx, name, manifest, patient()); err != nil {
		t.Error(err)
		return testFolder{}
	}
	f := openFolder(t, t.TempDir(), manifest)
	if err := errors.Join(n.FetchFolder(ctx, name, f.Tree, patient()), f.Finish(ctx)); err != nil {
		t.Error(err)
	}
	return f
}

// sameFolder compares the files of two folders.
func sameFolder(t testing.TB, got, want testFolder) {
	t.Helper()
	for _, e := range want.Collection().Entries() {
		g, gerr := os.ReadFile(filepath.Join(got.dir, filepath.FromSlash(e.Path)))
		w, werr := os.ReadFile(filepath.Join(want.dir, filepath.FromSlash(e.Path)))
		if gerr != nil || werr != nil || !bytes.Equal(g, w) {
			t.Errorf("%s: %v, %v", e.Path, gerr, werr)
		}
	}
}

// A folder of many small files reaches nodes that begin at different times, over
// one swarm, and no byte twice.
func TestAFolderArrives(t *testing.T) {
	origin := startNode(t, nil)
	whole := makeFolder(t, 500)
	ticket, err := origin.PublishFolder("folder", whole.manifest, whole.Tree)
	if err != nil || !ticket.Collection || ticket.Size != whole.Collection().Total() {
		t.Fatal(ticket, err)
	}
	ctx := testContext(t)
	var group sync.WaitGroup
	for i := range 4 {
		taker := startNode(t, nil)
		taker.Meet(origin.host.Where())
		group.Go(func() {
			if i > 0 { // others join while some of it, or all, is there
				waitFor(t, func() bool { return origin.meter.ChunksOut.Load() > int64(20*i) })
			}
			sameFolder(t, taker.fetchFolder(t, ctx, ticket.ID), whole)
			if all := taker.List(ctx); len(all) != 1 || !all[0].Folder || all[0].Total != whole.Collection().Total() || all[0].Nodes == 0 {
				t.Errorf("listed are %+v", all)
			}
			if again := taker.meter.AgainIn.Load(); again > 0 {
				t.Errorf("%d bytes arrived twice", again)
			}
		})
	}
	group.Wait()
}

// A file of a folder can be had alone: its node tells its chunk list, and answers
// who joins for it.
func TestAFileOfAFolderArrivesAlone(t *testing.T) {
	origin, taker := startNode(t, nil), startNode(t, nil)
	whole := makeFolder(t, 30)
	if _, err := origin.PublishFolder("folder", whole.manifest, whole.Tree); err != nil {
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	for _, at := range []int{3, 21} {
		e := whole.Collection().Entries()[at]
		list, name, err := taker.ChunkList(testContext(t), e.ID)
		if err != nil || name != e.Path || list.Size() != e.Size {
			t.Fatal(name, err)
		}
		got := store.NewMemory(list)
		if err := taker.fetch(testContext(t), list, got); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(whole.dir, filepath.FromSlash(e.Path)))
		if have, herr := got.Bytes(); herr != nil || err != nil || !bytes.Equal(have, want) {
			t.Error(e.Path, herr, err)
		}
	}
	if _, _, err := taker.ChunkList(shortly(t), whole.Collection().ID()); err == nil {
		t.Error("the contents have a chunk list")
	}
}

func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A file that changes while its folder is shared keeps back its own pieces only.
func TestAFolderGoesOnWithoutAFileThatChanged(t *testing.T) {
	origin, taker := startNode(t, nil), startNode(t, nil)
	whole := makeFolder(t, 300)
	ticket, err := origin.PublishFolder("folder", whole.manifest, whole.Tree)
	if err != nil {
		t.Fatal(err)
	}
	changed := whole.Collection().Entries()[100]
	if err := os.WriteFile(filepath.Join(whole.dir, filepath.FromSlash(changed.Path)), []byte("new"), 0o666); err != nil {
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	list, name, err := taker.ChunkList(testContext(t), ticket.ID)
	if err != nil {
		t.Fatal(err)
	}
	manifest := store.NewMemory(list)
	if err := taker.Fetch(testContext(t), name, manifest, patient()); err != nil {
		t.Fatal(err)
	}
	f := openFolder(t, t.TempDir(), manifest)
	cfg := patient()
	cfg.RetryFor = 2 * time.Second
	if err := taker.FetchFolder(testContext(t), name, f.Tree, cfg); !errors.Is(err, fault.NoSource) {
		t.Fatal(err)
	}
	lacking := content.FullSet(f.Collection().Len()).Minus(f.Have())
	for i := range lacking.All() {
		own := false
		for s := range f.Collection().Segments(i) {
			own = own || f.Collection().Entries()[s.Entry].Path == changed.Path
		}
		if !own {
			t.Errorf("piece %d is lacking as well", i)
		}
	}
	if lacking.Empty() {
		t.Error("what has changed arrived")
	}
}
