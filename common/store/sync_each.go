//go:build !linux

package store

import (
	"os"
	"path"

	"starmesh/common/atomicfile"
)

// syncAll makes files, and the names in their folders, durable, one by one.
func syncAll(root *os.Root, names []string) error {
	folders := map[string]bool{}
	for _, name := range names {
		f, err := root.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			err = f.Sync()
			f.Close()
		}
		if err != nil && !os.IsPermission(err) && !os.IsNotExist(err) { // it may not be writable, or be gone
			return err
		}
		folders[path.Dir(name)] = true
	}
	for dir := range folders {
		if err := atomicfile.SyncFolder(root, dir); err != nil {
			return err
		}
	}
	return nil
}
