package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"sync/atomic"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Reuse takes over, from the file that has the final name, each chunk that is
// right in the new one as well: an earlier version often differs in a few. The
// file itself stays as it is until Finish. was is its chunk list, if that is
// known, which saves reading the others; the zero value if not. Nothing is
// believed of either: every chunk is verified. progress may be nil; it is told of
// bytes looked at, from several goroutines at once. It fails as WriteChunk does,
// and with ctx's error.
func (p *Part) Reuse(ctx context.Context, was content.ChunkList, progress func(n int64)) error {
	old, err := openRegular(p.root, p.n.final, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fault.Exists) { // nothing, or no file
		return nil
	}
	if err != nil {
		return explain(err, p.n.final)
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return explain(err, p.n.final)
	}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	reused := new(atomic.Int64)
	eachChunk(working, p.list, old, p.reusable(was, info.Size()), progress, func(i int, b []byte) {
		switch err := p.WriteChunk(i, b); {
		case err == nil:
			reused.Add(int64(len(b)))
		case !errors.Is(err, fault.Corrupt):
			stop(err)
		}
	})
	p.held += reused.Load()
	return context.Cause(working)
}

// reusable are the chunks that are lacking and that a file of size bytes with the
// chunk list was may have.
func (p *Part) reusable(was content.ChunkList, size int64) content.Set {
	chunks := content.NewSet(p.list.Len())
	alike := was.Len() == p.list.Len() && was.Size() == p.list.Size()
	for i := range content.FullSet(p.list.Len()).Minus(p.Have()).All() {
		at := i * content.CVSize
		switch {
		case p.list.Offset(i)+int64(p.list.ChunkLen(i)) > size:
		case alike && !bytes.Equal(was.Bytes()[at:at+content.CVSize], p.list.Bytes()[at:at+content.CVSize]):
		default:
			chunks.Add(i)
		}
	}
	return chunks
}
