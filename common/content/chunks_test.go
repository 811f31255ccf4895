package content_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
)

func TestChunkSizeTable(t *testing.T) {
	const kib, mib, gib = int64(1) << 10, int64(1) << 20, int64(1) << 30
	for _, c := range []struct {
		size  int64
		chunk int64
	}{
		{0, 64 * kib}, {1, 64 * kib}, {128 * mib, 64 * kib}, {128*mib + 1, 128 * kib},
		{256 * mib, 128 * kib}, {256*mib + 1, 256 * kib}, {512*mib + 1, 512 * kib}, {gib + 1, mib},
		{2*gib + 1, 2 * mib}, {4 * gib, 2 * mib}, {4*gib + 1, 4 * mib}, {400 * gib, 4 * mib}, {content.MaxSize, 4 * mib},
	} {
		if got := int64(content.ChunkSize(c.size)); got != c.chunk {
			t.Errorf("%d bytes: chunks of %d, not %d", c.size, got, c.chunk)
		}
	}
}

func TestChunkSizeNeverShrinksAsFilesGrow(t *testing.T) {
	before := 0
	for size := int64(1); size <= content.MaxSize; size += 1 + size/7 {
		chunk := content.ChunkSize(size)
		if chunk < before || chunk&(chunk-1) != 0 || chunk < content.MinChunk || chunk > content.MaxChunk {
			t.Fatalf("%d bytes: chunks of %d after %d", size, chunk, before)
		}
		if n := content.ChunkCount(size); n > content.MaxChunks || int64(n)*int64(chunk) < size || int64(n-1)*int64(chunk) >= size {
			t.Fatalf("%d bytes: %d chunks of %d", size, n, chunk)
		}
		before = chunk
	}
}

func TestChunksCoverTheFileWithoutGap(t *testing.T) {
	for _, size := range append(sizes, steps(1<<40)...) {
		list, err := content.NewChunkList(size, make([]byte, content.ChunkCount(size)*content.CVSize))
		if err != nil {
			t.Fatal(err)
		}
		at := int64(0)
		for i := range list.Len() {
			if list.Offset(i) != at || list.ChunkLen(i) <= 0 {
				t.Fatalf("%d bytes: chunk %d begins at %d, not %d", size, i, list.Offset(i), at)
			}
			at += int64(list.ChunkLen(i))
		}
		if at != size {
			t.Errorf("%d bytes: chunks cover %d", size, at)
		}
	}
}

func TestVerifyKnowsRightFromWrong(t *testing.T) {
	for _, size := range []int64{1, 1025, 64 << 10, 64<<10 + 1, 200<<10 + 3, 5 << 20} {
		data := noise(size)
		list := hash(t, data)
		for i := range list.Len() {
			chunk := data[list.Offset(i):][:list.ChunkLen(i)]
			if err := list.Verify(i, chunk); err != nil {
				t.Fatalf("%d bytes, chunk %d: %v", size, i, err)
			}
			for _, bit := range []int{0, len(chunk) * 4, len(chunk)*8 - 1} {
				wrong := bytes.Clone(chunk)
				wrong[bit/8] ^= 1 << (bit % 8)
				if err := list.Verify(i, wrong); !errors.Is(err, fault.Corrupt) {
					t.Fatalf("%d bytes, chunk %d, bit %d flipped: %v", size, i, bit, err)
				}
			}
			if err := list.Verify(i, chunk[1:]); !errors.Is(err, fault.Corrupt) {
				t.Fatalf("%d bytes, chunk %d, a byte short: %v", size, i, err)
			}
		}
	}
}

func TestVerifyRejectsRightBytesAtAnotherOffset(t *testing.T) {
	data := bytes.Repeat([]byte{0}, 1<<20) // every chunk has the same bytes
	list := hash(t, data)
	other := hash(t, append(noise(64<<10), data...))
	if err := other.Verify(1, data[:64<<10]); err != nil {
		t.Fatal(err)
	}
	moved, err := content.NewChunkList(1<<20, append(bytes.Clone(list.Bytes()[32:]), list.Bytes()[:32]...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range moved.Len() {
		if err := moved.Verify(i, data[:64<<10]); !errors.Is(err, fault.Corrupt) {
			t.Errorf("chunk %d was accepted with the value of its neighbour: %v", i, err)
		}
	}
}

// A chunk of a larger file must not pass as a whole file of its own, nor a
// whole file as a chunk: only the root's value is an id.
func TestAChunkIsNoFile(t *testing.T) {
	data := noise(128 << 10)
	list, half := hash(t, data), hash(t, data[:64<<10])
	if bytes.Equal(list.Bytes()[:32], half.Bytes()) {
		t.Error("the first chunk's value is the id of a file of that length")
	}
}

func TestVerifyRefusesChunksOutsideTheFile(t *testing.T) {
	list := hash(t, noise(100))
	for _, i := range []int{-1, 1, 1 << 40} {
		if err := list.Verify(i, nil); !errors.Is(err, fault.Invalid) {
			t.Errorf("chunk %d: %v", i, err)
		}
	}
}

func TestChunkListProvesItself(t *testing.T) {
	list := hash(t, noise(5<<20+1))
	again, err := content.NewChunkList(list.Size(), list.Bytes())
	if err != nil || again.ID() != list.ID() {
		t.Fatal(again.ID(), err)
	}
	for at := 0; at < len(list.Bytes()); at += 97 {
		wrong := bytes.Clone(list.Bytes())
		wrong[at] ^= 1
		if forged, _ := content.NewChunkList(list.Size(), wrong); forged.ID() == list.ID() {
			t.Fatalf("byte %d of the list may change and the id stays", at)
		}
	}
	for _, size := range []int64{-1, content.MaxSize + 1, list.Size() - 64<<10, list.Size() + 64<<10} {
		if _, err := content.NewChunkList(size, list.Bytes()); err == nil {
			t.Errorf("the list was accepted for %d bytes", size)
		}
	}
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	for _, size := range []int64{1000, 64 << 10, 1<<20 + 1000} {
		data := noise(size)
		list := hash(t, data)
		last := list.Len() - 1
		p := data[list.Offset(last):]
		if n := testing.AllocsPerRun(20, func() {
			if list.Verify(last, p) != nil {
				panic("wrong")
			}
		}); n != 0 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []int64{1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			data := noise(size)
			list := hash(b, data)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if err := list.Verify(0, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
