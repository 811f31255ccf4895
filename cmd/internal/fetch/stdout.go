package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/common/content"
	"starmesh/common/store"
)

// inMemoryUpTo is the size up to which a file for standard output is kept in
// memory while it comes, in bytes; others wait in a temporary file.
const inMemoryUpTo = 32 << 20

// toStdout writes one file to standard output. Chunks come in any order: each
// is kept until its turn, and for others who want it.
func (g *meshGetter) toStdout(ctx context.Context, w wish) error {
	list, err := g.chunkList(ctx, w, "")
	if err != nil {
		return err
	}
	w.entry.Size = list.Size()
	file, remove, err := spool(list)
	if err != nil {
		return err
	}
	g.cleanUp = append(g.cleanUp, func() {
		g.mesh.Withdraw(list.ID())
		remove()
	})
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return inOrder(ctx, g.to.stdout, file) })
	group.Go(func() error { return g.fill(ctx, file, w.entry, 0, nil, func() error { return nil }) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%s: %w", printableName(w.entry.Name), err)
	}
	g.done(w, "-", 0, time.Since(began))
	return nil
}

// spool gives a place for a file that is only passing through.
func spool(list content.ChunkList) (file store.File, remove func(), err error) {
	if list.Size() <= inMemoryUpTo {
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

// inOrder writes the chunks of a file as it grows, from the first to the last.
func inOrder(ctx context.Context, w io.Writer, file store.File) error {
	list := file.List()
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
				return fmt.Errorf("standard output: %w", err)
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
