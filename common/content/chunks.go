package content

import (
	"crypto/subtle"
	"slices"

	"starmesh/common/fault"
)

const (
	// MinChunk is the least chunk size, 64 KiB: small enough that the last
	// chunks of a small file do not hold a mesh up.
	MinChunk = 64 << 10
	// MaxChunk is the largest chunk size, 4 MiB: it bounds the memory that one
	// chunk in flight costs.
	MaxChunk = 4 << 20
	// targetChunks is how many chunks a file may have before they are made
	// larger: enough that the tail of a distribution (log2 N chunks) stays
	// under one per cent, few enough that announcing them costs little.
	targetChunks = 2048
	// MaxChunks bounds a chunk list to 128 MiB.
	MaxChunks = 1 << 22
	// MaxSize is the largest file, 16 TiB.
	MaxSize = int64(MaxChunks) * MaxChunk
)

// ChunkSize returns the chunk size in bytes of a file of size bytes: a power of
// two and a function of the size alone, so that all nodes agree unasked.
func ChunkSize(size int64) int {
	chunk := MinChunk
	for chunk < MaxChunk && size > int64(chunk)*targetChunks {
		chunk *= 2
	}
	return chunk
}

// ChunkCount returns the number of chunks of a file of size bytes; an empty file
// has none.
func ChunkCount(size int64) int { return countOf(size, ChunkSize(size)) }

// CountAt is ChunkCount for chunks of chunk bytes. It fails with fault.Invalid for
// a size that no chunk has, and as CheckSize does.
func CountAt(size int64, chunk int) (int, error) {
	if chunk < MinChunk || chunk > MaxChunk || chunk&(chunk-1) != 0 {
		return 0, fault.Wrapf(fault.Invalid, "chunks of %d bytes", chunk)
	}
	return countOf(size, chunk), CheckSize(size)
}

func countOf(size int64, chunk int) int { return int((size + int64(chunk) - 1) / int64(chunk)) }

// CheckSize refuses sizes that no file here can have, with fault.Invalid or
// fault.TooLarge.
func CheckSize(size int64) error {
	if size < 0 {
		return fault.Wrapf(fault.Invalid, "a size of %d bytes is impossible", size)
	}
	if size > MaxSize {
		return fault.Wrapf(fault.TooLarge, "a file of %d bytes is over the limit of %d (16 TiB)", size, MaxSize)
	}
	return nil
}

// CVSize is the length in bytes of one chunk's chaining value.
const CVSize = 32

// ChunkList is the list of a file's chunks: the chaining value of each. With
// the size it folds to the file's id, so it proves itself. The zero value is
// no file's list. It is immutable and safe for concurrent use.
type ChunkList struct {
	id    ID
	size  int64
	chunk int    // bytes, of all but the last
	cvs   []byte // CVSize bytes a chunk
}

// NewChunkList takes the size in bytes and the chaining values (CVSize bytes a
// chunk, kept, not copied) and computes the id they fold to; the caller
// compares it with the id it wants. It fails with fault.Invalid when the
// number of values does not fit the size, and fault.TooLarge.
func NewChunkList(size int64, cvs []byte) (ChunkList, error) {
	return ChunkListAt(size, ChunkSize(size), cvs)
}

// ChunkListAt is NewChunkList for a file in chunks of another size than its own,
// as it has in a collection: a power of two from MinChunk to MaxChunk.
func ChunkListAt(size int64, chunk int, cvs []byte) (ChunkList, error) {
	n, err := CountAt(size, chunk)
	if err != nil {
		return ChunkList{}, err
	}
	if len(cvs) != n*CVSize {
		return ChunkList{}, fault.Wrapf(fault.Invalid, "a chunk list of %d bytes does not fit a file of %d bytes (want %d)", len(cvs), size, n*CVSize)
	}
	return ChunkList{id: fold(cvs), size: size, chunk: chunk, cvs: cvs}, nil
}

// Coarser returns the list of the same file in chunks of chunk bytes, a power of
// two no less than its own and at most MaxChunk.
func (l ChunkList) Coarser(chunk int) ChunkList {
	if chunk == l.chunk || l.size == 0 {
		l.chunk = chunk
		return l
	}
	n, values := countOf(l.size, chunk), chunk/l.chunk*CVSize
	if n == 1 {
		return ChunkList{id: l.id, size: l.size, chunk: chunk, cvs: l.id[:]}
	}
	cvs := make([]byte, 0, n*CVSize)
	for part := range slices.Chunk(l.cvs, values) {
		value := toBytes(join(part, len(part)/CVSize, 0))
		cvs = append(cvs, value[:]...)
	}
	return ChunkList{id: l.id, size: l.size, chunk: chunk, cvs: cvs}
}

// Within returns the chunks of l that lie wholly in those that held has of the
// same file in chunks of another size.
func (l ChunkList) Within(held Set, of ChunkList) Set {
	in := NewSet(l.Len())
	for i := range l.Len() {
		first := int(l.Offset(i) / int64(of.chunk))
		last := int((l.Offset(i) + int64(l.ChunkLen(i)) - 1) / int64(of.chunk))
		for first <= last && held.Has(first) {
			first++
		}
		if first > last {
			in.Add(i)
		}
	}
	return in
}

// ID is the file's BLAKE3 hash.
func (l ChunkList) ID() ID { return l.id }

// Size is the file's length in bytes.
func (l ChunkList) Size() int64 { return l.size }

// Len is the number of chunks.
func (l ChunkList) Len() int { return len(l.cvs) / CVSize }

// Bytes returns the chaining values, CVSize bytes a chunk; not to be changed.
func (l ChunkList) Bytes() []byte { return l.cvs }

// ChunkSize is the length in bytes of all chunks but the last.
func (l ChunkList) ChunkSize() int { return l.chunk }

// Offset is where chunk i begins in the file, in bytes.
func (l ChunkList) Offset(i int) int64 { return int64(i) * int64(l.chunk) }

// ChunkLen is the length of chunk i in bytes; only the last may be short.
func (l ChunkList) ChunkLen(i int) int {
	return int(min(int64(l.chunk), l.size-l.Offset(i)))
}

// Verify checks that p is chunk i. It fails with fault.Corrupt, and with
// fault.Invalid for an i outside the file. It does not allocate.
func (l ChunkList) Verify(i int, p []byte) error {
	if i < 0 || i >= l.Len() {
		return fault.Wrapf(fault.Invalid, "chunk %d of a file with %d", i, l.Len())
	}
	if len(p) != l.ChunkLen(i) {
		return fault.Wrapf(fault.Corrupt, "chunk %d has %d bytes, not %d", i, len(p), l.ChunkLen(i))
	}
	cv := chunkValue(p, l.Offset(i), l.Len() == 1)
	if subtle.ConstantTimeCompare(cv[:], l.cvs[i*CVSize:(i+1)*CVSize]) != 1 {
		return fault.Wrapf(fault.Corrupt, "chunk %d does not match its hash", i)
	}
	return nil
}
