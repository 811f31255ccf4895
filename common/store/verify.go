package store

import (
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
	if progress == nil {
		progress = func(int64) {}
	}
	v := &verifying{list: list, r: r, suspects: suspects, good: content.NewSet(list.Len())}
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), suspects.Count()) {
		group.Go(func() { v.work(progress) })
	}
	group.Wait()
	return v.good
}

type verifying struct {
	list     content.ChunkList
	r        io.ReaderAt
	suspects content.Set

	mu   sync.Mutex // guards what follows
	next int        // suspects before it are taken
	good content.Set
}

func (v *verifying) work(progress func(n int64)) {
	buf := make([]byte, content.ChunkSize(v.list.Size()))
	for i, ok := v.take(); ok; i, ok = v.take() {
		p := buf[:v.list.ChunkLen(i)]
		n, _ := v.r.ReadAt(p, v.list.Offset(i))
		if n == len(p) && v.list.Verify(i, p) == nil {
			v.keep(i)
		}
		progress(int64(len(p)))
	}
}

func (v *verifying) take() (i int, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if i, ok = v.suspects.Next(v.next); ok {
		v.next = i + 1
	} else {
		v.next = v.suspects.Len()
	}
	return i, ok
}

func (v *verifying) keep(i int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.good.Add(i)
}
