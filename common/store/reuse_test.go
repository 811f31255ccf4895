package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// Of an earlier version everything is kept that is right in the new one, at its
// place; only the rest is still to come.
func TestReuseKeepsWhatIsRightOfTheOldVersion(t *testing.T) {
	const n = 8
	old := storetest.Content(n * content.MinChunk)
	changed := func(at int) []byte {
		b := bytes.Clone(old)
		b[at]++
		return b
	}
	for name, c := range map[string]struct {
		data  []byte
		lacks int // chunks
	}{
		"a byte changed":       {changed(3*content.MinChunk + 7), 1},
		"the last byte":        {changed(len(old) - 1), 1},
		"appended to":          {append(bytes.Clone(old), "more"...), 1},
		"cut in a chunk":       {old[:len(old)-5], 0},
		"cut between two":      {old[:len(old)/2], 0},
		"a byte put in front":  {append([]byte("x"), old...), n + 1},
		"something else":       {storetest.Content(n*content.MinChunk - 1)[1:], n},
		"the same after all":   {old, 0},
		"a file of one chunk":  {old[:100], 0},
		"nothing any more":     {nil, 0},
		"two versions further": {append(changed(0), "more"...), 2},
	} {
		list, was := storetest.List(t, c.data), storetest.List(t, old)
		for _, known := range []content.ChunkList{{}, was} {
			root, dir := folder(t)
			if err := os.WriteFile(dir+"/f", old, 0o666); err != nil {
				t.Fatal(err)
			}
			p := create(t, root, "f", list, store.Options{Force: true})
			var seen atomic.Int64
			if err := p.Reuse(t.Context(), known, func(n int64) { seen.Add(n) }); err != nil {
				t.Fatal(name, err)
			}
			lacks := list.Len() - p.Have().Count()
			if name != "something else" && lacks != c.lacks || p.Resumed() > list.Size() {
				t.Errorf("%s: %d of %d chunks are to come, not %d; %d bytes were there", name, lacks, list.Len(), c.lacks, p.Resumed())
			}
			if known.Len() == list.Len() && known.Size() == list.Size() && seen.Load() != p.Resumed() {
				t.Errorf("%s: %d bytes were read for %d", name, seen.Load(), p.Resumed())
			}
			wantContent(t, dir+"/f", old) // until the new one is whole
			p.Kill()
			p = create(t, root, "f", list, store.Options{Force: true})
			if now := list.Len() - p.Have().Count(); now != lacks {
				t.Errorf("%s: %d chunks are to come after kill -9, not %d", name, now, lacks)
			}
			fill(t, p, c.data)
			if err := p.Finish(); err != nil {
				t.Fatal(name, err)
			}
			p.Close()
			wantContent(t, dir+"/f", c.data)
			wantFiles(t, dir, "f")
		}
	}
}

func TestReuseOfWhatCanNotBe(t *testing.T) {
	data := storetest.Content(2 * content.MinChunk)
	list := storetest.List(t, data)
	root, dir := folder(t)
	p := create(t, root, "f", list, store.Options{Force: true})
	defer p.Close()
	if err := p.Reuse(t.Context(), content.ChunkList{}, nil); err != nil || !p.Have().Empty() {
		t.Error("nothing is there:", err)
	}
	if os.WriteFile(dir+"/elsewhere", data, 0o666) == nil && os.Symlink("elsewhere", dir+"/f") == nil {
		if err := p.Reuse(t.Context(), content.ChunkList{}, nil); err != nil || !p.Have().Empty() {
			t.Error("a link is there:", err)
		}
		os.Remove(dir + "/f")
	}
	os.WriteFile(dir+"/f", data, 0o666)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Reuse(ctx, content.ChunkList{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What was in the making of another version is kept where it is right.
func TestForceKeepsWhatIsRightOfAnotherVersionInTheMaking(t *testing.T) {
	one := storetest.Content(4 * content.MinChunk)
	two := bytes.Clone(one)
	two[content.MinChunk]++
	root, dir := folder(t)
	p := create(t, root, "f", storetest.List(t, one), store.Options{})
	put(t, p, one, 0)
	put(t, p, one, 1)
	p.Close()
	p = create(t, root, "f", storetest.List(t, two), store.Options{Force: true})
	if have := p.Have(); !have.Has(0) || have.Count() != 1 {
		t.Errorf("%d chunks are kept", have.Count())
	}
	fill(t, p, two)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, dir+"/f", two)
	wantFiles(t, dir, "f")
}
