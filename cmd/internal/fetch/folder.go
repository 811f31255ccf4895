package fetch

import (
	"context"
	"os"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/common/store"
)

// ListFolder returns the files in dir that belong to its collection, without
// their ids, and the bytes in all: those that a server would show. left is what
// it would leave out.
func ListFolder(ctx context.Context, dir string) (files []content.Entry, total int64, left load.LeftOut, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, left, fileerr.Named(dir, err)
	}
	defer root.Close()
	found, out, err := store.ListFolder(ctx, root)
	if err != nil {
		return nil, 0, left, fileerr.Named(dir, err)
	}
	for _, e := range found {
		files = append(files, content.Entry{Path: e.Name, Size: e.Size, Mode: uint32(e.Mode), ModTime: e.ModTime})
		total += e.Size
	}
	return files, total, load.LeftOut{Count: out.Count, Files: out.Examples}, nil
}
