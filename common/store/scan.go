package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"starmesh/common/content"
)

// maxFiles bounds a Folder to a million files.
const maxFiles = 1_000_000

// LeftOut says what the last scan could not take in although it is no hidden
// file: names that can not be sent, folders that can not be read, files past
// the millionth.
type LeftOut struct {
	Count    int
	Examples []string // the first ten, each with its reason
}

func (l *LeftOut) add(name string, why any) {
	l.Count++
	if len(l.Examples) < 10 {
		l.Examples = append(l.Examples, fmt.Sprintf("%q: %v", name, why))
	}
}

// walk goes through the tree once.
type walk struct {
	root  *os.Root
	max   int
	found []file
	out   LeftOut
}

// scanTree finds the files to be served; the error is ctx's.
func (f *Folder) scanTree(ctx context.Context) ([]file, LeftOut, error) {
	if f.only.name != "" {
		info, err := f.stat(f.only.name)
		if err != nil {
			return nil, LeftOut{}, ctx.Err()
		}
		return []file{fileOf(f.only.name, info)}, LeftOut{}, ctx.Err()
	}
	w := walk{root: f.root, max: maxFiles}
	err := w.folder(ctx, ".")
	return w.found, w.out, err
}

// folder takes in what is in dir and below.
func (w *walk) folder(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := readFolder(w.root, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.out.add(dir, reason(err)) // with what could be read of it, it goes on
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() && !(e.Type().IsRegular() && Visible(name)) {
			continue
		}
		if err := content.CheckPath(name); err != nil {
			w.out.add(name, err)
			continue
		}
		if e.IsDir() {
			if err := w.folder(ctx, name); err != nil {
				return err
			}
			continue
		}
		w.file(name, e)
	}
	return nil
}

func (w *walk) file(name string, e fs.DirEntry) {
	info, err := e.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist): // removed this very moment
	case err != nil:
		w.out.add(name, reason(err))
	case !info.Mode().IsRegular():
	case len(w.found) == w.max:
		w.out.add(name, fmt.Sprintf("more than %d files", w.max))
	default:
		w.found = append(w.found, fileOf(name, info))
	}
}

// readFolder gives the entries of a folder in the order of their names, so
// that the same files are left out every time.
func readFolder(root *os.Root, dir string) ([]fs.DirEntry, error) {
	d, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}
