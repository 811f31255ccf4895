package main

import (
	"context"
	"path/filepath"

	"lukechampine.com/blake3"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/common/content"
	"starmesh/common/store"
)

// collection prints the id of a folder: that of its manifest.
func (h *hasher) collection(ctx context.Context, dir string) error {
	files, total, err := fetch.ListFolder(dir)
	if err != nil {
		return err
	}
	bar := h.out.Bar("hash "+dir, total)
	bar.Start()
	err = h.hashAll(ctx, dir, files, bar)
	bar.Finish(err)
	if err != nil {
		return err
	}
	manifest, err := content.EncodeCollection(files)
	if err != nil {
		return err
	}
	h.print(dir, content.ID(blake3.Sum256(manifest)), total)
	return nil
}

func (h *hasher) hashAll(ctx context.Context, dir string, files []content.Entry, bar *cli.Bar) error {
	for i := range files {
		name := filepath.Join(dir, filepath.FromSlash(files[i].Path))
		list, err := store.HashFile(ctx, name, h.cache, bar.Add)
		if err != nil {
			return err
		}
		files[i].ID, files[i].Size = list.ID(), list.Size()
	}
	return nil
}
