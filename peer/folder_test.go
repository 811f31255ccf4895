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
	"testing/synctest"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
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

// fetchFolder brings the folder with that manifest to a node, into a folder of its own.
func fetchFolder(t testing.TB, ctx context.Context, n *Node, id content.ID, cfg transfer.Config) testFolder {
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
	if err := errors.Join(n.FetchFolder(ctx, name, f.Tree, cfg), f.Finish(ctx)); err != nil {
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
// one swarm, and no byte twice. On a clock of its own, for whom the machine keeps
// waiting too long gives up promises, and what was promised then comes twice.
func TestAFolderArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		origin, whole := startPiped(t, "origin", nil), makeFolder(t, 500)
		origin.shelf.addFolder(whole.Tree)
		_, err := origin.share("folder", oneFile{whole.manifest}, nil)
		if _, also := origin.share("folder", contents{whole.Tree}, nil); errors.Join(err, also) != nil {
			t.Fatal(err, also)
		}
		takers := []pipedNode{startPiped(t, "a", nil), startPiped(t, "b", nil), startPiped(t, "c", nil), startPiped(t, "d", nil)}
		given := make(chan int, whole.Collection().Len())
		var group sync.WaitGroup
		begin := func(i int, cfg transfer.Config) {
			n := takers[i]
			dial(n, origin)
			for _, other := range takers[:i] {
				dial(n, other)
			}
			group.Go(func() {
				sameFolder(t, fetchFolder(t, t.Context(), n.Node, whole.Collection().Manifest(), cfg), whole)
				if all := n.List(t.Context()); len(all) != 1 || !all[0].Folder || all[0].Total != whole.Collection().Total() || all[0].Nodes == 0 {
					t.Errorf("listed are %+v", all)
				}
				if again := n.cfg.Meter.AgainIn.Load(); again > 0 {
					t.Errorf("%d bytes arrived twice", again)
				}
			})
		}
		first := patient()
		first.OnChunk = func(transfer.Chunk) { given <- 1 }
		begin(0, first)
		for i := 1; i < len(takers); i++ { // they join while some of it is there
			for range whole.Collection().Len() / len(takers) {
				<-given
			}
			begin(i, patient())
		}
		group.Wait()
		for _, n := range append(takers, origin) {
			n.stop()
		}
	})
}

// A file of a folder can be had alone: its node tells its chunk list, and answers
// who joins for it.
func TestAFileOfAFolderArrivesAlone(t *testing.T) {
	origin, taker := startNode(t, nil), startNode(t, nil)
	whole := makeFolder(t, 30)
	ticket, err := origin.PublishFolder("folder", whole.manifest, whole.Tree)
	if err != nil || !ticket.Collection || ticket.Size != whole.Collection().Total() {
		t.Fatal(ticket, err)
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

// TestWhoIsTooOldForAFolderIsNotWaitedFor: it lists a folder as whole, and skips
// GATHER, as a node does that knows a swarm of each file only.
func TestWhoIsTooOldForAFolderIsNotWaitedFor(t *testing.T) {
	for _, newer := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			from := makeFolder(t, 40)
			old, getter := startPiped(t, "old", nil), startPiped(t, "getter", nil)
			nodes := []pipedNode{old, getter}
			old.shelf.addFolder(from.Tree)
			if _, err := old.share("folder", oneFile{from.manifest}, nil); err != nil {
				t.Fatal(err)
			}
			dial(getter, old)
			var coming sync.WaitGroup
			if newer { // it comes while the getter waits
				other := startPiped(t, "newer", nil)
				nodes = append(nodes, other)
				other.shelf.addFolder(from.Tree)
				if _, err := other.share("folder", contents{from.Tree}, nil); err != nil {
					t.Fatal(err)
				}
				coming.Go(func() {
					time.Sleep(oldTime)
					dial(getter, other)
				})
			}
			manifest := store.NewMemory(from.manifest.Chunks())
			if err := getter.Fetch(testContext(t), "folder", manifest, patient()); err != nil {
				t.Fatal(err)
			}
			to, began := openFolder(t, t.TempDir(), manifest), time.Now()
			err := getter.FetchFolder(testContext(t), "folder", to.Tree, patient())
			if newer && err != nil || !newer && (!errors.Is(err, fault.Version) || time.Since(began) > 2*oldTime) {
				t.Errorf("newer %v: %v after %v", newer, err, time.Since(began))
			}
			coming.Wait()
			for _, n := range nodes {
				n.stop()
			}
		})
	}
}
