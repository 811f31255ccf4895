package content_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noise returns n bytes that are the same in every run.
func noise(n int64) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// sizes are where the tree's shape changes: BLAKE3 chunks, 16 KiB groups,
// chunks, and the pieces of chunks that Hash reads.
var sizes = []int64{
	0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 16<<10 - 1, 16 << 10, 16<<10 + 1, 17 << 10,
	64<<10 - 1, 64 << 10, 64<<10 + 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 192<<10 + 1, 5<<20 + 12345, 33 << 20,
}

// steps returns one byte around every size at which the chunk size doubles, up
// to limit bytes.
func steps(limit int64) []int64 {
	var at []int64
	for chunk := int64(content.MinChunk); chunk < content.MaxChunk; chunk *= 2 {
		if step := chunk * 2048; step < limit {
			at = append(at, step-1, step, step+1, step+2*chunk-1, step+2*chunk+1)
		}
	}
	return at
}

func hash(t testing.TB, data []byte) content.ChunkList {
	t.Helper()
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestHashGivesTheBLAKE3OfTheWholeFile(t *testing.T) {
	all := append(sizes, steps(300<<20)...)
	data := noise(all[len(all)-1])
	for _, size := range all {
		list := hash(t, data[:size])
		if want := content.ID(blake3.Sum256(data[:size])); list.ID() != want {
			t.Errorf("%d bytes: %s, not %s", size, list.ID(), want)
		}
		if list.Size() != size || list.Len() != content.ChunkCount(size) {
			t.Errorf("%d bytes: a list of %d bytes in %d chunks", size, list.Size(), list.Len())
		}
	}
}

// From half a gigabyte on, chunks are read in several pieces.
func TestHashOfALargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes a gigabyte: not with -short")
	}
	const size = 1<<30 + 600<<10 + 17
	r := repeat(noise(32<<20 + 7))
	list, err := content.Hash(t.Context(), r, size, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := blake3.New(32, nil)
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{io.NewSectionReader(r, 0, size)}, make([]byte, 4<<20)); err != nil {
		t.Fatal(err)
	}
	if want := content.ID(sum.Sum(nil)); list.ID() != want {
		t.Errorf("%s, not %s", list.ID(), want)
	}
}

// repeat is an endless file that repeats its bytes.
type repeat []byte

func (r repeat) ReadAt(p []byte, at int64) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], r[(at+int64(n))%int64(len(r)):])
	}
	return len(p), nil
}

// The package that the other tests compare with could be wrong in the same way;
// this one asks another program, for every shape of the tree and a large file.
func TestHashPrintsWhatB3sumPrints(t *testing.T) {
	if _, err := exec.LookPath("b3sum"); err != nil {
		t.Skip("b3sum is not installed: apt-get install b3sum")
	}
	all := append(sizes, 256<<20+1)
	data := noise(all[len(all)-1])
	for _, size := range all {
		name := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(name, data[:size], 0o666); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("b3sum", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want, _, _ := strings.Cut(string(out), " "); hash(t, data[:size]).ID().String() != want {
			t.Errorf("%d bytes: %s, b3sum says %s", size, hash(t, data[:size]).ID(), want)
		}
		os.Remove(name)
	}
}

func TestHashCountsEveryByteOnce(t *testing.T) {
	for _, size := range sizes {
		var seen atomic.Int64
		_, err := content.Hash(t.Context(), repeat("x"), size, func(n int64) { seen.Add(n) })
		if err != nil || seen.Load() != size {
			t.Errorf("%d bytes: progress told of %d (%v)", size, seen.Load(), err)
		}
	}
}

func TestHashOfAFileThatBecameShorterFailsWithChanged(t *testing.T) {
	for _, short := range []int64{0, 1, 64 << 10, 5 << 20} {
		_, err := content.Hash(t.Context(), bytes.NewReader(noise(short)), 6<<20, nil)
		if !errors.Is(err, fault.Changed) {
			t.Errorf("%d bytes of 6 MiB: %v", short, err)
		}
	}
}

func TestHashTellsOfItsReadersError(t *testing.T) {
	broken := errors.New("the disk is broken")
	_, err := content.Hash(t.Context(), failing{broken}, 6<<20, nil)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestHashStopsWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var seen atomic.Int64
	_, err := content.Hash(ctx, repeat("x"), content.MaxSize, func(n int64) {
		if seen.Add(n) > 8<<20 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestHashRefusesImpossibleSizes(t *testing.T) {
	if _, err := content.Hash(t.Context(), repeat("x"), -1, nil); !errors.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if _, err := content.Hash(t.Context(), repeat("x"), content.MaxSize+1, nil); !errors.Is(err, fault.TooLarge) {
		t.Error(err)
	}
}

func BenchmarkHash(b *testing.B) {
	for _, size := range []int64{4 << 10, 64 << 10, 16 << 20, 1 << 30} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			r := bytes.NewReader(make([]byte, size))
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := content.Hash(context.Background(), r, size, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
