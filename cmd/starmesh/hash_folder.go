package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"lukechampine.com/blake3"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/ondisk"
	"starmesh/common/content"
	"starmesh/common/store"
)

// collection prints the id of a folder: that of its manifest.
func (h *hasher) collection(ctx context.Context, dir string) error {
	files, total, err := listFolder(dir)
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

// listFolder gives the files in dir that belong to its collection, without
// their ids, and the bytes in all: regular files, but none that a server
// would not show.
func listFolder(dir string) (files []content.Entry, total int64, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, ondisk.Named(dir, err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && !store.Visible(name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, content.Entry{Path: name, Size: info.Size(), Mode: uint32(info.Mode().Perm())})
		total += info.Size()
		return nil
	})
	return files, total, err
}
