package main

import (
	"context"
	"fmt"
	"time"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// getter fetches files from one server at a time.
type getter struct {
	*getFlags
	placer
	session *session[reader]
}

// fetch brings one file to its place and gives its size.
func (g *getter) fetch(ctx context.Context, w wish) (int64, error) {
	if err := g.describe(ctx, &w); err != nil {
		return 0, err
	}
	name := g.to.name(w.as)
	if g.to.stdout != nil {
		return w.entry.Size, g.toStdout(ctx, w)
	}
	if _, there, err := g.alreadyThere(ctx, w, name); there || err != nil {
		return w.entry.Size, err
	}
	list, err := g.chunkList(ctx, w, name)
	if err != nil {
		return 0, err
	}
	part, err := store.Create(g.to.root, name, list, store.Options{
		Force: g.force, Mode: w.entry.Mode, ModTime: w.entry.ModTime,
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", g.to.path(name), err)
	}
	defer part.Close()
	began := time.Now()
	if err := g.fill(ctx, part, w.entry, part.Resumed(), part.Finish); err != nil {
		return 0, fmt.Errorf("%s: %w", w.entry.Name, err)
	}
	g.done(w, g.to.path(name), part.Resumed(), time.Since(began))
	return w.entry.Size, nil
}

// describe asks for what a listing left out because the server was still
// hashing the file.
func (g *getter) describe(ctx context.Context, w *wish) error {
	if !w.entry.ID.IsZero() {
		return nil
	}
	bar := g.out.Bar("the server hashes "+printableName(w.entry.Name), w.entry.Size)
	bar.Start()
	err := g.session.do(ctx, func(c reader) error {
		entry, err := c.Describe(ctx, w.entry.Name, content.ID{}, func(done, total int64) {
			bar.Total(total)
			bar.Set(done)
		})
		if err == nil {
			w.entry = entry
		}
		return err
	})
	bar.Finish(err)
	return err
}

// chunkList gives the file's chunk list: the one kept from last time, if it is
// of the same file, or the server's.
func (g *getter) chunkList(ctx context.Context, w wish, name string) (content.ChunkList, error) {
	if name != "" {
		if list, ok := store.Saved(g.to.root, name); ok && list.ID() == w.entry.ID {
			return list, nil
		}
	}
	var list content.ChunkList
	err := g.session.do(ctx, func(c reader) error {
		var err error
		list, err = c.ChunkList(ctx, w.entry)
		return err
	})
	return list, err
}

// fill fetches what to lacks, and calls finish when it is whole.
func (g *getter) fill(ctx context.Context, to transfer.Sink, entry store.Entry, kept int64, finish func() error) (err error) {
	account := g.account(to, entry, kept)
	defer func() { account.End(err) }() // End(nil) is Done: verified, in its place
	bar := g.out.Bar("get "+printableName(entry.Name), entry.Size-kept)
	bar.Kept(kept)
	bar.Start()
	defer func() { bar.Finish(err) }()
	if !to.Have().Full() {
		err := transfer.Fetch(ctx, to, g.sources(entry.Name, to.List()), g.fetchConfig(account, bar, kept))
		g.session.settle()
		if err != nil {
			return err
		}
	}
	return finish()
}

func (g *getter) fetchConfig(account *load.Transfer, bar *cli.Bar, kept int64) transfer.Config {
	books := &books{account: account, bar: bar, kept: kept}
	return transfer.Config{
		RetryFor: g.retryFor,
		OnChunk:  g.Counting(books.chunk),
		OnRetry: func(source string, err error, wait time.Duration) {
			g.out.Waiting(source, err, wait)
		},
	}
}

// sources are the connections over which a file comes: the one that is open,
// and as many more as the flags ask for.
func (g *getter) sources(name string, list content.ChunkList) <-chan transfer.Source {
	n := min(g.conns, list.Len())
	from := make(chan transfer.Source, n)
	for i := range n {
		if i == 0 && g.session.connected {
			from <- g.session.client.Source(name, list)
			continue
		}
		from <- central.NewSource(g.session.addr.At(name), g.session.cfg, list)
	}
	close(from)
	return from
}

// toStdout writes one file to standard output, in order.
func (g *getter) toStdout(ctx context.Context, w wish) error {
	list, err := g.chunkList(ctx, w, "")
	if err != nil {
		return err
	}
	g.conns = 1 // chunks come in order then, and none has to wait for another
	began := time.Now()
	err = g.fill(ctx, newOrdered(list, g.to.stdout), w.entry, 0, func() error { return nil })
	if err != nil {
		return fmt.Errorf("%s: %w", w.entry.Name, err)
	}
	g.done(w, "-", 0, time.Since(began))
	return nil
}
