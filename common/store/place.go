package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// where is the path that a Folder serves. It is followed anew for each scan and
// each question, as other file servers do: a build removes its folder and makes
// it again, something is mounted over it, a link is turned to the next release.
type where struct {
	path string // absolute, as it was given
	name string // the single file that is served, as others know it; "": a folder

	mu  sync.Mutex // guards now
	now *place
}

// place is where the path led to when it was last followed.
type place struct {
	root *os.Root
	dir  *os.File // the same folder
	base string   // the root's absolute path, for the cache
	file string   // the single file's name on the disk, when it was given as a link another one
}

// follow returns the place that the path leads to at this moment.
func (w *where) follow() (*place, error) {
	real, err := filepath.EvalSymlinks(w.path)
	if err != nil {
		return nil, explain(err, w.path)
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, explain(err, w.path)
	}
	next := place{base: real}
	if w.name != "" {
		if err := mustBeRegular(info, w.path); err != nil {
			return nil, err
		}
		next.base, next.file = filepath.Dir(real), filepath.Base(real)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now != nil && w.now.base == next.base && w.now.file == next.file && w.now.stands(info) {
		return w.now, nil
	}
	if next.root, err = os.OpenRoot(next.base); err != nil {
		return nil, explain(err, w.path)
	}
	if next.dir, err = next.root.Open("."); err != nil {
		next.root.Close()
		return nil, explain(err, w.path)
	}
	w.now = &next // a root that others still use is closed by package os when they are done
	return w.now, nil
}

// stands reports whether the root is still what its path leads to; found is what
// is there now, of a single file the file.
func (p *place) stands(found fs.FileInfo) bool {
	open, err := p.dir.Stat()
	if err == nil && p.file != "" {
		found, err = os.Stat(p.base)
	}
	return err == nil && os.SameFile(open, found)
}

// at is follow for those who ask over the network: it fails with fault.Busy,
// and without the path, which is not their affair.
func (w *where) at() (*place, error) {
	p, err := w.follow()
	if err != nil {
		return nil, fault.Later(fault.Wrapf(fault.Busy, "what is served here can not be looked at now; try again"), 2*time.Second)
	}
	return p, nil
}

func (w *where) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.now.dir.Close(), w.now.root.Close())
}

// real is the name on the disk.
func (p *place) real(name string) string {
	if p.file != "" {
		return p.file
	}
	return name
}

// path is the absolute path on the disk.
func (p *place) path(name string) string {
	return filepath.Join(p.base, filepath.FromSlash(p.real(name)))
}

// shows reports whether a file of this name would be served.
func (w *where) shows(name string) error {
	if err := content.CheckPath(name); err != nil {
		return err
	}
	if w.name != "" && name != w.name || w.name == "" && !Visible(name) {
		return notThere(name)
	}
	return nil
}

func notThere(name string) error { return fault.Wrapf(fault.NotFound, "%s is not there", name) }

// look finds a file that is served if it is there: regular, shown, and below
// folders that are no links.
func (w *where) look(name string) (*place, fs.FileInfo, error) {
	if err := w.shows(name); err != nil {
		return nil, nil, err
	}
	p, err := w.at()
	if err != nil {
		return nil, nil, err
	}
	info, err := p.lstat(p.real(name))
	if errors.Is(err, errLink) || errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil, notThere(name)
	}
	return p, info, served("read", err, name)
}

// lstat looks at what is called name on the disk. It fails with fs.ErrNotExist,
// errLink for what is a link or behind one, or explained.
func (p *place) lstat(name string) (fs.FileInfo, error) {
	if info, ok, err := lookup(p.dir, name); ok {
		return info, err
	}
	dir, err := p.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	info, err := dir.Lstat(path.Base(name))
	switch {
	case isMissing(err):
		return nil, fs.ErrNotExist
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		return nil, errLink
	}
	return info, explain(err, name)
}

// errLink is why a folder is not opened that lies behind a link.
var errLink = errors.New("it lies behind a link")

// folder opens a folder of the place, an element at a time, so that none is a
// link and the first that is missing ends the way. It fails with
// fs.ErrNotExist, errLink, or explained.
func (p *place) folder(dir string) (*os.Root, error) {
	at, err := p.root.OpenRoot(".")
	if err != nil || dir == "." {
		return at, explain(err, dir)
	}
	for element := range strings.SplitSeq(dir, "/") {
		next, err := below(at, element)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// below opens the folder called element in at.
func below(at *os.Root, element string) (*os.Root, error) {
	info, err := at.Lstat(element)
	switch {
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		return nil, errLink
	case isMissing(err) || err == nil && !info.IsDir():
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, explain(err, element)
	}
	sub, err := at.OpenRoot(element)
	if err != nil {
		return nil, explain(err, element)
	}
	if opened, err := sub.Stat("."); err != nil || !os.SameFile(info, opened) {
		sub.Close()
		return nil, errLink // it was a folder just now
	}
	return sub, nil
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) || isNotFolder(err) }

// lastFolder keeps the folder open that was asked for last: files come in the
// order of their names.
type lastFolder struct {
	place *place
	dir   string
	open  *openFolder // nil: none, or err says why
	err   error
	seen  string // the folder in which a file was looked at last
}

// in opens a folder of the place.
func (l *lastFolder) in(dir string) (*openFolder, error) {
	if dir != l.dir {
		l.close()
		root, err := l.place.folder(dir)
		if l.dir, l.err = dir, err; err == nil {
			l.open = &openFolder{root: root}
		}
	}
	return l.open, l.err
}

// lstat looks at a file. Folders may lie deep, and have one file each: none is
// opened for its first.
func (l *lastFolder) lstat(name string) (fs.FileInfo, error) {
	at := path.Dir(name)
	if at != l.seen {
		l.seen = at
		if info, ok, err := lookup(l.place.dir, name); ok {
			return info, err
		}
	}
	dir, err := l.in(at)
	if err != nil {
		return nil, err
	}
	return dir.root.Lstat(path.Base(name))
}

func (l *lastFolder) close() {
	if l.open != nil {
		l.open.close()
		l.open = nil
	}
	l.dir, l.err = "", nil
}
