package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"starmesh/common/content"
)

// maxFiles bounds a Folder to a million files.
const maxFiles = 1_000_000

// maxNamed is how many of the files left out are named.
const maxNamed = 100

// Scan says how a Folder was looked through the last time.
type Scan struct {
	// Err is why all of it, or a part, could not be looked at; nil when it
	// could. What was known of that part stays known.
	Err error
	// LeftOut is what is not served although it is no hidden file.
	LeftOut LeftOut
}

func (s Scan) same(as Scan) bool {
	return fmt.Sprint(s.Err) == fmt.Sprint(as.Err) && s.LeftOut.Count == as.LeftOut.Count &&
		slices.Equal(s.LeftOut.Examples, as.LeftOut.Examples)
}

// LeftOut is what a scan could not take in: names that can not be sent, links and
// what else is no file, files and folders that can not be read, files past the
// millionth.
type LeftOut struct {
	Count    int
	Examples []string // the first hundred, each with its reason
}

func (l *LeftOut) add(name string, why any) {
	l.Count++
	if len(l.Examples) < maxNamed {
		text, quoted := fmt.Sprint(why), strconv.Quote(name)
		if !strings.HasPrefix(text, quoted) {
			text = quoted + ": " + text
		}
		l.Examples = append(l.Examples, text)
	}
}

// walk goes through the tree once.
type walk struct {
	root   *os.Root
	max    int
	found  []file
	out    LeftOut
	unread []string // what could not be looked at this time: nothing is known of it, nor of what is below
	why    []error  // for each of them
}

// scanTree finds the files to be served; the error is ctx's.
func (f *Folder) scanTree(ctx context.Context, p *place) (*walk, error) {
	w := &walk{root: p.root, max: maxFiles}
	if f.where.name == "" {
		return w, w.folder(ctx, ".")
	}
	_, info, err := f.look(f.where.name)
	if err != nil {
		w.miss(".", err)
		return w, ctx.Err()
	}
	w.found = []file{fileOf(f.where.name, info)}
	return w, ctx.Err()
}

// miss notes that name could not be looked at.
func (w *walk) miss(name string, err error) {
	w.why = append(w.why, explain(err, name))
	if name == "." {
		name = ""
	}
	w.unread = append(w.unread, name)
}

// err is why not all could be looked at.
func (w *walk) err() error {
	if len(w.why) == 0 {
		return nil
	}
	return w.why[0]
}

// folder takes in what is in dir and below.
func (w *walk) folder(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := readFolder(w.root, dir)
	switch {
	case err == nil || isMissing(err) && dir != ".":
	case errors.Is(err, fs.ErrPermission) && dir != ".":
		w.out.add(dir, reason(err))
	default:
		w.miss(dir, err) // with what could be read of it, it goes on
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() && !Visible(name) {
			continue
		}
		if !e.IsDir() && !e.Type().IsRegular() {
			w.out.add(name, irregular(e.Type()))
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

// irregular says why what is neither a file nor a folder is left out.
func irregular(mode fs.FileMode) string {
	if mode&fs.ModeSymlink != 0 {
		return "a link, which is not followed"
	}
	return "a pipe, a socket or a device"
}

func (w *walk) file(name string, e fs.DirEntry) {
	info, err := e.Info()
	switch {
	case isMissing(err): // removed this very moment
	case errors.Is(err, fs.ErrPermission):
		w.out.add(name, reason(err))
	case err != nil:
		w.miss(name, err)
	case !info.Mode().IsRegular():
	case len(w.found) == w.max:
		w.out.add(name, fmt.Sprintf("more than %d files", w.max))
	default:
		w.found = append(w.found, fileOf(name, info))
	}
}

// readFolder returns the entries of a folder in the order of their names, so
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
