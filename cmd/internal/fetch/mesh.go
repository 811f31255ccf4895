package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"starmesh/cmd/internal/cli"
	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// meshGetter fetches files from the mesh. Its fetch may be used from several
// goroutines.
type meshGetter struct {
	*peerGetFlags
	placer
	mesh   *sharingNode
	shares *shares
	// cleanUp is done at the end, while the node still runs.
	cleanUp []func()
}

// fetch brings one file to its place. bar is that of a whole folder, nil for
// one of its own.
func (g *meshGetter) fetch(ctx context.Context, w wish, bar *cli.Bar) error {
	name := g.to.name(w.as)
	if list, there, err := g.alreadyThere(ctx, w, name); there || err != nil {
		if there {
			g.advance(bar, w.entry.Size)
			g.shareAsIs(w, name, list)
		}
		return err
	}
	list, err := g.chunkList(ctx, w, name)
	if err != nil {
		return err
	}
	w.entry.Size = list.Size() // what was said before is not proven
	part, err := store.Create(g.to.root, name, list, store.Options{
		Force: g.force, Mode: w.entry.Mode, ModTime: w.entry.ModTime,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", g.to.path(name), err)
	}
	began, kept := time.Now(), part.Resumed()
	file := &moving{file: part}
	if err := g.fill(ctx, file, w.entry, kept, bar, part.Finish); err != nil {
		file.Close()
		return fmt.Errorf("%s: %w", printableName(w.entry.Name), err)
	}
	g.done(w, g.to.path(name), kept, time.Since(began))
	if info, err := g.to.stat(name); err == nil { // it was there a moment ago
		file.move(newShelved(g.to.root, name, list, store.StampOf(info)))
	}
	return nil
}

// shareAsIs shares a file that was in its place before.
func (g *meshGetter) shareAsIs(w wish, name string, list content.ChunkList) {
	info, err := g.to.stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return // it has gone meanwhile: whoever removed it wants it no more
	}
	g.shares.publish(w.entry.Name, newShelved(g.to.root, name, list, store.StampOf(info)))
}

func (g *meshGetter) advance(bar *cli.Bar, bytes int64) {
	if bar != nil {
		bar.Add(bytes)
	}
}

// fill brings what file lacks, and calls finish when it is whole.
func (g *meshGetter) fill(ctx context.Context, file store.File, entry store.Entry, kept int64, bar *cli.Bar, finish func() error) (err error) {
	account := g.account(file, entry, kept)
	defer func() { account.End(err) }() // End(nil) is Done: verified, in its place
	if bar != nil {
		bar.Add(kept)
	} else {
		bar = g.out.Bar("get "+printableName(entry.Name), entry.Size-kept)
		bar.Kept(kept)
		bar.Start()
		defer func() { bar.Finish(err) }()
	}
	if err := g.bring(ctx, file, entry, &arrivals{account: account, bar: bar, kept: kept}); err != nil {
		return err
	}
	return finish()
}

// bring fetches what file lacks from the mesh, or from a file here that has the
// same content.
func (g *meshGetter) bring(ctx context.Context, file store.File, entry store.Entry, a *arrivals) error {
	if file.Have().Full() && file.List().Len() == 0 {
		return nil // nobody needs others for nothing
	}
	twin, mine, err := g.shares.begin(ctx, entry.ID)
	if err != nil {
		return err
	}
	if !mine {
		return copyChunks(ctx, file, twin, a.chunk)
	}
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { g.tellOfWaiting(watched, entry, a) })
	err = g.mesh.Fetch(ctx, entry.Name, file, transfer.Config{RetryFor: g.wait(), OnChunk: a.chunk})
	if err != nil {
		settle(ctx, g.mesh, g.out) // the node leaves; it has what others wait for
	}
	g.shares.end(entry, file, err)
	return err
}

// copyChunks fills to with the chunks of a file that holds them all.
func copyChunks(ctx context.Context, to, from store.File, told func(transfer.Chunk)) error {
	list := to.List()
	p := make([]byte, content.ChunkSize(list.Size()))
	for i := range list.Len() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if to.Have().Has(i) {
			continue
		}
		chunk := p[:list.ChunkLen(i)]
		if err := from.ReadChunk(i, chunk); err != nil {
			return err
		}
		if err := to.WriteChunk(i, chunk); err != nil {
			return err
		}
		told(transfer.Chunk{Index: i, Bytes: len(chunk)})
	}
	return nil
}

// arrivals keeps the books of one file while it arrives.
type arrivals struct {
	account *load.Transfer
	bar     *cli.Bar
	kept    int64
	stored  atomic.Int64
}

func (a *arrivals) chunk(c transfer.Chunk) {
	if c.Outcome == transfer.Stored {
		a.bar.Add(int64(c.Bytes))
		a.account.Have(a.kept + a.stored.Add(int64(c.Bytes)))
	}
}
