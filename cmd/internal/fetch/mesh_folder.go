package main

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

const (
	// atOnce is how many small files of a folder are fetched at a time: each
	// costs a few round trips before its bytes flow.
	atOnce = 16
	// small is up to where a file is fetched beside others, in bytes.
	small = 4 << 20
	// mostManifest is the largest manifest taken, in bytes.
	mostManifest = 256 << 20
)

// collection fetches a folder: its manifest first, then its files.
func (g *meshGetter) collection(ctx context.Context, name string, id content.ID) error {
	name = path.Base(name)
	entries, err := g.manifest(ctx, name, id)
	if err != nil {
		return err
	}
	var wishes []wish
	total := int64(0)
	for _, e := range entries {
		if !store.Visible(e.Path) {
			// No node of ours shares such a name: it might be meant for a place
			// like .ssh/authorized_keys.
			g.out.Warn("%s has the hidden file %s; left out", printableName(name), printableName(e.Path))
			continue
		}
		wishes = append(wishes, newFolderWish(name, e))
		total += e.Size
	}
	if err := g.to.expect(wishes); err != nil {
		return err
	}
	if g.to.stdout != nil {
		return g.toStdout(ctx, wishes[0])
	}
	began := time.Now()
	bar := g.out.Bar("get "+printableName(name), total)
	bar.Start()
	err = g.all(ctx, wishes, bar)
	bar.Finish(err)
	if err == nil {
		g.out.Note("%s  %s, %s in %s", printableName(name), counted(len(wishes), "file"), units.Bytes(total), units.Duration(time.Since(began)))
	}
	return err
}

func newFolderWish(folder string, e content.Entry) wish {
	return wish{
		entry: store.Entry{Name: e.Path, ID: e.ID, Size: e.Size, Mode: fs.FileMode(e.Mode)},
		as:    folder + "/" + e.Path,
	}
}

// all fetches the files of a folder: small ones at the same time, large ones
// one after the other.
func (g *meshGetter) all(ctx context.Context, wishes []wish, bar *cli.Bar) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var large sync.Mutex // held by the large file that is being fetched
	for _, w := range wishes {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if w.entry.Size > small {
				large.Lock()
				defer large.Unlock()
			}
			return g.fetch(ctx, w, bar)
		})
	}
	return group.Wait()
}

// manifest fetches the list of a folder's files, and shares it too.
func (g *meshGetter) manifest(ctx context.Context, name string, id content.ID) ([]content.Entry, error) {
	w := wish{entry: store.Entry{Name: name, ID: id}}
	list, err := g.chunkList(ctx, w, "")
	if err != nil {
		return nil, err
	}
	if list.Size() > mostManifest {
		return nil, fault.Wrapf(fault.TooLarge, "%s: its list of files has %s, more than %s",
			printableName(name), units.Bytes(list.Size()), units.Bytes(mostManifest))
	}
	w.entry.Size = list.Size()
	file := store.NewMemory(list)
	if err := g.fill(ctx, file, w.entry, 0, nil, func() error { return nil }); err != nil {
		return nil, fmt.Errorf("%s: %w", printableName(name), err)
	}
	g.mesh.Withdraw(id) // to share it anew as what it is
	if _, err := g.mesh.Publish(name, file, true); err != nil {
		return nil, err
	}
	text, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	entries, err := content.DecodeCollection(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no folder, or damaged: %w", printableName(name), err)
	}
	return entries, nil
}
