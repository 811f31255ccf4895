package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// toStdout writes one file to standard output, in order. Chunks come in any
// order: keep makes the place where each waits for its turn; read is closed
// when nothing more is written out.
func (p Place) toStdout(ctx context.Context, by carrier, w wish, keep func(list content.ChunkList, read <-chan struct{}) (store.File, error)) error {
	list, err := p.chunkList(ctx, by, w.entry, "")
	if err != nil {
		return err
	}
	w.entry.Size = list.Size()
	group, ctx := errgroup.WithContext(ctx)
	file, err := keep(list, ctx.Done())
	if err != nil {
		return err
	}
	began := time.Now()
	group.Go(func() error { return inOrder(ctx, p.To.stream, p.To.dir, file) })
	group.Go(func() error { return p.fill(ctx, by, file, w.entry, 0, nil, func() error { return nil }) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%s: %w", readable.Text(w.entry.Name), err)
	}
	p.done(w, p.To.dir, 0, time.Since(began), nil)
	return nil
}

// inOrder writes the chunks of a file as it grows, from the first to the last, to
// w, called name.
func inOrder(ctx context.Context, w io.Writer, name string, file store.File) error {
	list := file.Chunks()
	p := make([]byte, content.ChunkSize(list.Size()))
	for i := 0; i < list.Len(); {
		grew := file.Grew()
		have := file.Have()
		for ; i < list.Len() && have.Has(i); i++ {
			chunk := p[:list.ChunkLen(i)]
			if err := file.ReadChunk(i, chunk); err != nil {
				return err
			}
			if _, err := w.Write(chunk); err != nil {
				return streamError(name, err)
			}
		}
		if i == list.Len() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grew:
		}
	}
	return nil
}

func streamError(name string, err error) error {
	if name == "-" {
		return fmt.Errorf("standard output: %w", err)
	}
	return fileerr.Named(name, err)
}

// maxInMemory is the size up to which a file for standard output is kept in
// memory while it comes, in bytes; others wait in a temporary file.
const maxInMemory = 32 << 20

// spool returns a place for a file that is passing through and that others may
// read meanwhile.
func spool(list content.ChunkList) (file store.File, remove func(), err error) {
	if list.Size() <= maxInMemory {
		return store.NewMemory(list), func() {}, nil
	}
	dir, err := os.MkdirTemp("", "starmesh-")
	if err != nil {
		return nil, nil, fmt.Errorf("no place to keep what comes early: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	part, err := store.Create(root, "passing", list, store.Options{})
	if err != nil {
		return nil, nil, errors.Join(err, root.Close(), os.RemoveAll(dir))
	}
	return part, func() {
		_ = part.Discard()
		root.Close()
		_ = os.RemoveAll(dir) // the system clears its folder for such files
	}, nil
}
