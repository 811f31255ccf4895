package content_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"starmesh/common/content"
)

// checkPieces holds what is true of the pieces of every collection: they have
// each content once, in the order of the entries, none is too large or could
// have taken in the beginning of the next one.
func checkPieces(t *testing.T, c *content.Collection) {
	t.Helper()
	entry, chunk, bytes := -1, 0, int64(0)
	seen := map[content.ID]int{}
	for i := range c.Len() {
		at := 0
		for s := range c.Segments(i) {
			e := c.Entries()[s.Entry]
			switch {
			case s.Entry == entry && s.Chunk == chunk+1: // goes on
			case s.Entry > entry && s.Chunk == 0 && (entry < 0 || chunk == c.List(entry).Len()-1):
			default:
				t.Fatalf("piece %d: chunk %d of entry %d follows chunk %d of %d", i, s.Chunk, s.Entry, chunk, entry)
			}
			if s.At != at || s.Len != c.List(s.Entry).ChunkLen(s.Chunk) || s.Len == 0 {
				t.Fatalf("piece %d: %+v at %d", i, s, at)
			}
			if at == 0 && i > 0 && c.ChunkLen(i-1)+s.Len <= c.ChunkSize() {
				t.Fatalf("piece %d of %d bytes had room for %d more", i-1, c.ChunkLen(i-1), s.Len)
			}
			entry, chunk, at = s.Entry, s.Chunk, at+s.Len
			seen[e.ID] += s.Len
		}
		if at != c.ChunkLen(i) || at > c.ChunkSize() {
			t.Fatalf("piece %d has %d bytes, not %d", i, at, c.ChunkLen(i))
		}
		bytes += int64(at)
	}
	total := int64(0)
	for _, e := range c.Entries() {
		if total += e.Size; e.Size != int64(seen[e.ID]) {
			t.Fatalf("%q has %d bytes in the pieces, of %d", e.Path, seen[e.ID], e.Size)
		}
	}
	if bytes != c.Size() || total != c.Total() || int64(c.Len()) > 2*c.Size()/int64(c.ChunkSize())+1 {
		t.Fatalf("%d bytes in %d pieces of %d, %d of files", bytes, c.Len(), c.ChunkSize(), total)
	}
}

func TestPiecesHaveEveryContentOnce(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var entries []content.Entry
		for i := range r.IntN(40) {
			data := noise(r.Int64N(1 << r.IntN(20)))
			if i > 0 && r.IntN(5) == 0 {
				again := entries[r.IntN(i)]
				again.Path = fmt.Sprint("again/", i)
				entries = append(entries, again)
				continue
			}
			if len(data) > 0 {
				data[0] = byte(i)
			}
			list := hashOf(t, data)
			entries = append(entries, content.Entry{Path: fmt.Sprint(i), Size: list.Size(), ID: list.ID(), List: list})
		}
		b, err := content.EncodeCollection(entries)
		if err != nil {
			t.Fatal(err)
		}
		c, err := content.DecodeCollection(b)
		if err != nil || len(c.Entries()) != len(entries) {
			t.Fatal(err)
		}
		checkPieces(t, c)
	}
}

// Whatever size its chunks have, a file has one id, and each of its chunks
// verifies alone.
func TestCoarserChunksProveTheSameFile(t *testing.T) {
	for _, size := range []int64{0, 1, 64 << 10, 64<<10 + 1, 5<<20 + 7, 8 << 20} {
		data := noise(size)
		own := hashOf(t, data)
		for chunk := own.ChunkSize(); chunk <= content.MaxChunk; chunk *= 2 {
			list := own.Coarser(chunk)
			again, err := content.ChunkListAt(size, chunk, list.Bytes())
			if err != nil || again.ID() != own.ID() || list.ID() != own.ID() || again.Len() != list.Len() {
				t.Fatalf("%d bytes in chunks of %d: %v, %v", size, chunk, again.ID(), err)
			}
			for i := range list.Len() {
				if err := list.Verify(i, data[list.Offset(i):][:list.ChunkLen(i)]); err != nil {
					t.Errorf("%d bytes in chunks of %d: %v", size, chunk, err)
				}
			}
		}
	}
}

func TestWithinIsWhatLiesWhollyInWhatIsHeld(t *testing.T) {
	fine := hashOf(t, noise(1<<20+1)) // 17 chunks of 64 KiB
	coarse := fine.Coarser(256 << 10) // 5
	held := content.FullSet(fine.Len())
	held.Remove(5)
	if got := coarse.Within(held, fine); !bytes.Equal(got.Bytes(), []byte{0b11101}) {
		t.Errorf("%b", got.Bytes())
	}
	part := content.NewSet(coarse.Len())
	part.Add(1)
	part.Add(4)
	if got := fine.Within(part, coarse); got.Count() != 5 || !got.Has(4) || !got.Has(7) || !got.Has(16) {
		t.Errorf("%b", got.Bytes())
	}
}
