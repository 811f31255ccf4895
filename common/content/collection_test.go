package content_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"io/fs"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// someEntries are of all kinds: empty, twice the same content, times before 1970,
// and a file longer than a piece.
func someEntries(t testing.TB) []content.Entry {
	at := time.Date(2299, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	empty, one, long := hashOf(t, nil), hashOf(t, []byte("x")), hashOf(t, noise(200_000))
	return []content.Entry{
		{Path: "a/b", Size: 1, ID: one.ID(), Attributes: content.Attributes{Mode: 0o644, ModTime: at}},
		{Path: "a/b-c", ID: empty.ID(), Attributes: content.Attributes{ModTime: time.Unix(0, 0).UTC()}},
		{Path: "a!", Size: 200_000, ID: long.ID(), List: long, Attributes: content.Attributes{Mode: 0o777, ModTime: time.Unix(-1, 5).UTC()}},
		{Path: "ä/é/日本", Size: 200_000, ID: long.ID(), Attributes: content.Attributes{Mode: 0o600}, List: long},
		{Path: "z", Size: 1, ID: one.ID(), Attributes: content.Attributes{Mode: 0o755, ModTime: at}},
	}
}

func hashOf(t testing.TB, data []byte) content.ChunkList {
	t.Helper()
	list, err := content.Hash(context.Background(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCollectionGolden(t *testing.T) {
	b, err := content.EncodeCollection([]content.Entry{{
		Path: "d/f", Size: 258, ID: content.ID{0xaa, 31: 0xbb}, Attributes: content.Attributes{Mode: 0o640, ModTime: time.Unix(-2, 7)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString([]byte("starmesh collection")) + "02" + "00000001" + "00010000" +
		"0003" + hex.EncodeToString([]byte("d/f")) + "0000000000000102" +
		"aa" + strings.Repeat("00", 30) + "bb" + "01a0" + "fffffffffffffffe" + "00000007"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCollectionIsTheSameInWhateverOrder(t *testing.T) {
	entries := someEntries(t)
	want, err := content.EncodeCollection(entries)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		before := slices.Clone(entries)
		got, err := content.EncodeCollection(entries)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatal("another order gave other bytes", err)
		}
		if !slices.EqualFunc(entries, before, sameEntry) {
			t.Fatal("the caller's entries were changed")
		}
	}
	decoded, err := content.DecodeCollection(want)
	if err != nil || len(decoded.Entries()) != len(entries) {
		t.Fatal(decoded, err)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(decoded.Entries(), func(d content.Entry) bool { return sameEntry(d, e) }) {
			t.Errorf("%v is lost", e)
		}
	}
}

func sameEntry(a, b content.Entry) bool {
	return a.Path == b.Path && a.Size == b.Size && a.ID == b.ID && a.Mode == b.Mode && a.ModTime.Equal(b.ModTime) && a.List.ID() == b.List.ID()
}

func TestCollectionOrderIsThatOfAWalk(t *testing.T) {
	tree := fstest.MapFS{}
	var entries []content.Entry
	for _, p := range []string{"a/b", "a-b", "a/b.c/d", "a/b-c", "a!", "ab", "a.txt", "b/a", "a/é"} {
		tree[p] = &fstest.MapFile{}
		entries = append(entries, content.Entry{Path: p, Size: 1})
	}
	var want []string
	fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			want = append(want, p)
		}
		return err
	})
	b, err := content.EncodeCollection(entries)
	if err != nil {
		t.Fatal(err)
	}
	decoded, _ := content.DecodeCollection(b)
	for i, e := range decoded.Entries() {
		if e.Path != want[i] {
			t.Errorf("%d: %q, where a walk meets %q", i, e.Path, want[i])
		}
	}
}

func TestCollectionRefusesWhatCanNotBe(t *testing.T) {
	for name, entries := range map[string][]content.Entry{
		"a path twice":              {{Path: "a"}, {Path: "b"}, {Path: "a"}},
		"a file that is a folder":   {{Path: "a"}, {Path: "a-"}, {Path: "a/b"}},
		"a file deep in a file":     {{Path: "a/b"}, {Path: "a/b/c/d/e"}, {Path: "a/b!"}},
		"a path that leads out":     {{Path: "../a"}},
		"an absolute path":          {{Path: "/a"}},
		"an empty path":             {{}},
		"a negative size":           {{Path: "a", Size: -1}},
		"a size over the limit":     {{Path: "a", Size: content.MaxSize + 1}},
		"a mode with set-user-id":   {{Path: "a", Attributes: content.Attributes{Mode: 0o4755}}},
		"a mode past sixteen bits":  {{Path: "a", Attributes: content.Attributes{Mode: 1 << 16}}},
		"a mode of a kind of files": {{Path: "a", Attributes: content.Attributes{Mode: 1 << 31}}},
		"a time past all":           {{Path: "a", Attributes: content.Attributes{ModTime: time.Unix(1<<56, 0)}}},
		"an empty file's other id":  {{Path: "a", ID: content.ID{1}}},
		"one id and two sizes":      {{Path: "a", Size: 1}, {Path: "b", Size: 2}},
		"a long file without list":  {{Path: "a", Size: 1 << 20}},
		"another file's list":       {{Path: "a", Size: 200_000, List: hashOf(t, noise(200_000))}},
	} {
		for i := range entries {
			if e := &entries[i]; e.Size == 0 && e.ID.IsZero() {
				e.ID = hashOf(t, nil).ID()
			}
		}
		if _, err := content.EncodeCollection(entries); !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCollectionDecoderRefusesDamage(t *testing.T) {
	good, err := content.EncodeCollection(someEntries(t))
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := content.DecodeCollection(good[:n]); !errors.Is(err, fault.Invalid) {
			t.Fatalf("cut at %d of %d: %v", n, len(good), err)
		}
	}
	if _, err := content.DecodeCollection(append(bytes.Clone(good), 0)); !errors.Is(err, fault.Invalid) {
		t.Errorf("a byte at the end: %v", err)
	}
	version := bytes.Clone(good)
	version[19] = 1
	if _, err := content.DecodeCollection(version); !errors.Is(err, fault.Version) {
		t.Errorf("version 1: %v", err)
	}
	piece := bytes.Clone(good)
	for _, size := range []uint32{0, 1 << 15, 1 << 17, 1<<16 + 1, 1 << 23} {
		binary.BigEndian.PutUint32(piece[24:], size)
		if _, err := content.DecodeCollection(piece); !errors.Is(err, fault.Invalid) {
			t.Errorf("pieces of %d bytes: %v", size, err)
		}
	}
	value := bytes.Clone(good)
	value[len(value)-100] ^= 1 // in the list of the longer file
	if _, err := content.DecodeCollection(value); !errors.Is(err, fault.Invalid) {
		t.Errorf("a chunk list that does not fold to the id: %v", err)
	}
	count := bytes.Clone(good)
	binary.BigEndian.PutUint32(count[20:], content.MaxEntries)
	if _, err := content.DecodeCollection(count); !errors.Is(err, fault.Invalid) {
		t.Errorf("a million claimed: %v", err)
	}
	binary.BigEndian.PutUint32(count[20:], content.MaxEntries+1)
	if _, err := content.DecodeCollection(count); !errors.Is(err, fault.TooLarge) {
		t.Errorf("more than a million claimed: %v", err)
	}
}

// A short manifest that claims a million files must not cost the memory of a
// million.
func TestCollectionDecoderAllocatesNoMoreThanItWasGiven(t *testing.T) {
	b := binary.BigEndian.AppendUint32([]byte("starmesh collection\x02"), content.MaxEntries)
	b = append(b, make([]byte, 400)...)
	if n := testing.AllocsPerRun(10, func() { content.DecodeCollection(b) }); n > 5 {
		t.Errorf("%v allocations", n)
	}
}

func TestCollectionRefusesAnotherOrder(t *testing.T) {
	one, _ := content.EncodeCollection([]content.Entry{{Path: "a", Size: 1}})
	two, _ := content.EncodeCollection([]content.Entry{{Path: "b", Size: 1}})
	both := binary.BigEndian.AppendUint32(bytes.Clone(one[:20]), 2)
	both = append(both, one[24:28]...)
	right := slices.Concat(both, one[28:], two[28:])
	if _, err := content.DecodeCollection(right); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]byte{
		"backwards": slices.Concat(both, two[28:], one[28:]),
		"twice":     slices.Concat(both, one[28:], one[28:]),
	} {
		if _, err := content.DecodeCollection(wrong); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCollectionRefusesTooManyFilesAndTooManyBytes(t *testing.T) {
	entries := make([]content.Entry, content.MaxEntries+1)
	for i := range entries {
		entries[i] = content.Entry{Path: hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(i))), Size: content.MaxSize}
		binary.BigEndian.PutUint32(entries[i].ID[:], uint32(i))
	}
	if _, err := content.EncodeCollection(entries); !errors.Is(err, fault.TooLarge) {
		t.Errorf("a million and one: %v", err)
	}
	if _, err := content.EncodeCollection(entries[:2]); !errors.Is(err, fault.TooLarge) {
		t.Errorf("32 TiB: %v", err)
	}
}

func FuzzDecodeCollection(f *testing.F) {
	good, _ := content.EncodeCollection(someEntries(f))
	empty, _ := content.EncodeCollection(nil)
	f.Add(good)
	f.Add(empty)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := content.DecodeCollection(b)
		if err != nil {
			if fault.Code(err) == fault.Code(fault.Internal) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		again, err := content.EncodeCollection(c.Entries())
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x (%v)", b, again, err)
		}
		checkPieces(t, c)
	})
}

func TestCheckPath(t *testing.T) {
	long := strings.Repeat("x", content.MaxElement)
	for _, good := range []string{
		"a", "a/b", "a b", ".hidden", "a.", "...", "..a", "a..b", "日本/é", "~", "-rf", "ab:c", "12:30", "aux.c", "com", "com10", "console",
		"nul-l", "lpt", long, long + "/" + long, strings.Repeat("x/", content.MaxElements-1) + "xx", strings.Repeat(long+"/", 15) + long,
	} {
		if err := content.CheckPath(good); err != nil {
			t.Errorf("%.40q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "/", "/a", "a/", "a//b", "//", ".", "..", "./a", "a/.", "a/..", "../a", "a/../b", "a/./b",
		"a\x00b", "a\nb", "\x1b[2J", "a\x7f", "a\u0085b", `a\b`, `\\server\share`, `..\a`, "\xff", "a/\xc3\x28",
		"C:", "c:/a", "C:a", "z:a", "CON", "nul", "a/Aux/b", "PRN", "com1", "LPT9", "COM¹", "lpt²", "CONIN$", "conout$", "NUL ", "con.", "com0",
		long + "x", strings.Repeat("x/", content.MaxElements) + "x", strings.Repeat(long+"/", 16) + long,
	} {
		err := content.CheckPath(bad)
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("%.40q: %v", bad, err)
			continue
		}
		if strings.ContainsAny(err.Error(), "\x00\n\x1b") {
			t.Errorf("%.40q: the message %q would do things to a terminal", bad, err)
		}
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{"a/b", "../a", `a\b`, "C:a", "nul", "a\x00", "a//b", "日本/é"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if content.CheckPath(p) != nil {
			return
		}
		if !fs.ValidPath(p) || p == "." || path.Clean(p) != p || path.IsAbs(p) || strings.HasPrefix(path.Join("/top", p), "/top/") == false {
			t.Errorf("%q was accepted", p)
		}
	})
}
