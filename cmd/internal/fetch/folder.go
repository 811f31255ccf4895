package fetch

import (
	"io/fs"
	"os"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/store"
)

// ListFolder returns the files in dir that belong to its collection, without
// their ids, and the bytes in all: regular files, but none that a server
// would not show.
func ListFolder(dir string) (files []content.Entry, total int64, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, fileerr.Named(dir, err)
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
