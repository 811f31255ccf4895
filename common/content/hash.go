package content

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"starmesh/common/fault"
)

// piece is how much is read and hashed at once, in bytes: a power of two, no
// less than MinChunk, and small enough to stay in a core's own cache between
// the reading and the hashing.
const piece = 256 << 10

// pieces lends buffers of piece bytes, so that hashing a folder of small
// files does not allocate one for each.
var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// Hash computes the chunk list of the first size bytes of r, with as many
// goroutines as GOMAXPROCS says, 256 KiB of memory each; all have ended when
// it returns. progress (which may be nil) is called with the number of bytes
// each step has added, from several goroutines at once. Hash fails with
// fault.Changed when r has fewer than size bytes, with those of CheckSize,
// with ctx's error, and with r's. That r has more bytes, or was written to
// meanwhile, it can not see.
func Hash(ctx context.Context, r io.ReaderAt, size int64, progress func(n int64)) (ChunkList, error) {
	if err := CheckSize(size); err != nil {
		return ChunkList{}, err
	}
	if progress == nil {
		progress = func(int64) {}
	}
	cvs := make([]byte, ChunkCount(size)*CVSize)
	h := &hashing{r: r, list: ChunkList{size: size, chunk: ChunkSize(size), cvs: cvs}, progress: progress}
	if err := h.run(ctx, runtime.GOMAXPROCS(0)); err != nil {
		return ChunkList{}, err
	}
	return NewChunkList(size, cvs)
}

// hashing is one call of Hash. Each goroutine takes the next chunk nobody has
// taken and writes only that chunk's value, so they share nothing but next.
type hashing struct {
	r        io.ReaderAt
	list     ChunkList
	progress func(n int64)
	next     atomic.Int64
}

func (h *hashing) run(ctx context.Context, workers int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := func() {
		if err := h.work(ctx); err != nil {
			cancel(err)
		}
	}
	var group sync.WaitGroup
	for range min(workers, h.list.Len()) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	return context.Cause(ctx)
}

func (h *hashing) work(ctx context.Context) error {
	buf := pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	for {
		i := int(h.next.Add(1) - 1)
		if i >= h.list.Len() {
			return nil
		}
		if err := h.chunk(ctx, i, buf[:]); err != nil {
			return err
		}
	}
}

// chunk computes the value of chunk i from the values of its pieces, which
// are subtrees as well.
func (h *hashing) chunk(ctx context.Context, i int, buf []byte) error {
	var cvs [MaxChunk / piece * CVSize]byte
	at, left, n := h.list.Offset(i), h.list.ChunkLen(i), 0
	for left > 0 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		p := buf[:min(left, len(buf))]
		if err := h.read(p, at); err != nil {
			return err
		}
		cv := chunkValue(p, at, h.list.Len() == 1)
		copy(cvs[n*CVSize:], cv[:])
		h.progress(int64(len(p)))
		at, left, n = at+int64(len(p)), left-len(p), n+1
	}
	value := ID(cvs[:CVSize])
	if n > 1 {
		value = ID(toBytes(join(cvs[:n*CVSize], n, 0)))
	}
	copy(h.list.cvs[i*CVSize:], value[:])
	return nil
}

func (h *hashing) read(p []byte, at int64) error {
	n, err := h.r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil // io.EOF with the last byte is no error
	case errors.Is(err, io.EOF):
		return fault.Wrapf(fault.Changed, "the file ends at %d bytes, before the %d it had", at+int64(n), h.list.Size())
	default:
		return err
	}
}
