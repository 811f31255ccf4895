package fetch

import (
	"bytes"
	"context"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// maxAhead is how many chunks wait in a window for a reader that is busy.
const maxAhead = 4

// window is a store.File of what is only passing through: each chunk is kept
// until it is read, once and in the order of the file. While the reader has
// something to read and enough waits for it, writers wait too, so that a slow
// reader slows the server instead of filling the memory. What a reader waits
// for is always taken, however much has come before its turn.
type window struct {
	list content.ChunkList
	read <-chan struct{} // closed when nobody reads any more

	mu      sync.Mutex // guards the fields below
	have    content.Set
	next    int // the chunk to be read next
	waiting map[int][]byte
	changed chan struct{} // closed when any of this has changed
}

func newWindow(list content.ChunkList, read <-chan struct{}) *window {
	return &window{
		list: list, read: read,
		have: content.NewSet(list.Len()), waiting: map[int][]byte{}, changed: make(chan struct{}),
	}
}

func (w *window) Chunks() content.ChunkList { return w.list }
func (w *window) Close() error              { return nil }

func (w *window) Have() content.Set {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.have.Clone()
}

func (w *window) Grew() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

func (w *window) ReadChunk(i int, p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	chunk := w.waiting[i]
	if i != w.next || chunk == nil {
		return fault.Wrapf(fault.NotFound, "chunk %d is not held, or not the next", i)
	}
	copy(p, chunk)
	delete(w.waiting, i)
	w.next++
	w.changeLocked()
	return nil
}

func (w *window) WriteChunk(i int, p []byte) error {
	if err := w.list.Verify(i, p); err != nil {
		return err
	}
	for {
		changed, taken := w.take(i, p)
		if taken {
			return nil
		}
		select {
		case <-changed:
		case <-w.read:
			return context.Canceled
		}
	}
}

// take keeps chunk i if there is room; if not, changed is closed when that may
// be different.
func (w *window) take(i int, p []byte) (changed <-chan struct{}, taken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.have.Has(i) {
		return nil, true
	}
	if len(w.waiting) >= maxAhead && w.waiting[w.next] != nil {
		return w.changed, false
	}
	w.waiting[i] = bytes.Clone(p)
	w.have.Add(i)
	w.changeLocked()
	return nil, true
}

func (w *window) changeLocked() {
	close(w.changed)
	w.changed = make(chan struct{})
}
