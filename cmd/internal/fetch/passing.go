package main

import (
	"io"
	"sync"
	"sync/atomic"

	"starmesh/cmd/internal/cli"
	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/common/transfer"
)

// ordered is a transfer.Sink that writes verified chunks to w in the order of
// the file. A chunk that comes before its turn is kept until then.
type ordered struct {
	list content.ChunkList
	w    io.Writer

	mu    sync.Mutex // guards the fields below
	have  content.Set
	next  int // the chunk to be written next
	early map[int][]byte
}

func newOrdered(list content.ChunkList, w io.Writer) *ordered {
	return &ordered{list: list, w: w, have: content.NewSet(list.Len()), early: map[int][]byte{}}
}

func (o *ordered) List() content.ChunkList { return o.list }

func (o *ordered) Have() content.Set {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.have.Clone()
}

func (o *ordered) WriteChunk(i int, p []byte) error {
	if err := o.list.Verify(i, p); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.have.Has(i) {
		return nil
	}
	if i != o.next {
		o.early[i] = append([]byte(nil), p...)
		o.have.Add(i)
		return nil
	}
	for ok := true; ok; p, ok = o.early[o.next] {
		if _, err := o.w.Write(p); err != nil {
			return err
		}
		delete(o.early, o.next)
		o.have.Add(o.next)
		o.next++
	}
	return nil
}

// books are kept while a file arrives.
type books struct {
	account *load.Transfer
	bar     *cli.Bar
	kept    int64
	stored  atomic.Int64
}

// chunk notes a chunk that has arrived.
func (b *books) chunk(c transfer.Chunk) {
	if c.Outcome == transfer.Stored {
		stored := b.stored.Add(int64(c.Bytes))
		b.bar.Set(stored)
		b.account.Have(b.kept + stored)
	}
}
