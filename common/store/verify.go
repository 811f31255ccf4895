package store

import (
	"context"
	"io"
	"runtime"
	"sync"

	"starmesh/common/content"
)

// verifyChunks reads the suspects from r, with all cores, and returns those that
// are what list says; what can not be read is not. progress may be nil; it is
// told of every chunk's bytes, from several goroutines at once. All have ended
// when verifyChunks returns.
func verifyChunks(list content.ChunkList, r io.ReaderAt, suspects content.Set, progress func(n int64)) content.Set {
	var mu sync.Mutex // guards good
	good := content.NewSet(list.Len())
	eachChunk(context.Background(), list, r, suspects, progress, func(i int, p []byte) {
		if list.Verify(i, p) == nil {
			mu.Lock()
			defer mu.Unlock()
			good.Add(i)
		}
	})
	return good
}

// eachChunk reads the chunks of a file that lie in r, with all cores, and hands
// to do those that are there, until ctx ends. Nothing runs any more when it
// returns.
func eachChunk(ctx context.Context, list content.ChunkList, r io.ReaderAt, chunks content.Set, progress func(n int64), do func(i int, p []byte)) {
	if progress == nil {
		progress = func(int64) {}
	}
	q := &chunkQueue{chunks: chunks}
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), chunks.Count()) {
		group.Go(func() {
			buf := make([]byte, list.ChunkSize())
			for i, ok := q.take(); ok && ctx.Err() == nil; i, ok = q.take() {
				p := buf[:list.ChunkLen(i)]
				if n, _ := r.ReadAt(p, list.Offset(i)); n == len(p) {
					do(i, p)
				}
				progress(int64(len(p)))
			}
		})
	}
	group.Wait()
}

// chunkQueue hands out chunks, each once.
type chunkQueue struct {
	chunks content.Set

	mu   sync.Mutex // guards next
	next int        // those before it are taken
}

func (q *chunkQueue) take() (i int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i, ok = q.chunks.Next(q.next); ok {
		q.next = i + 1
	} else {
		q.next = q.chunks.Len()
	}
	return i, ok
}
