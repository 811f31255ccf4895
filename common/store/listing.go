package store

import (
	"context"
	"os"
)

// ListFolder returns the files in root that a Folder would show, by the same
// rules, with their sizes, times and modes, and what is left out. It fails when
// root itself can not be read, and with ctx's error.
func ListFolder(ctx context.Context, root *os.Root) (files []Entry, left LeftOut, err error) {
	w := walk{root: root, max: maxFiles}
	if err := w.folder(ctx, "."); err != nil {
		return nil, LeftOut{}, err
	}
	for i, name := range w.unread {
		if name == "" {
			return nil, LeftOut{}, w.why[i]
		}
		w.out.add(name, w.why[i])
	}
	for _, f := range w.found {
		files = append(files, f.entry())
	}
	return files, w.out, nil
}
