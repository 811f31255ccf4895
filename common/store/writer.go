package store

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"sync"
	"time"

	"starmesh/common/fault"
)

// Writer puts small files into their places, each whole and at once: written
// aside, given mode and time, renamed. Nothing is locked and nothing kept of one
// that is in the making, and the disk is asked once, by Sync, for all of them: so
// a folder of many costs little more than one file of their size.
//
// What Write has returned survives the death of the process. A power cut before
// Sync may leave files with their names and without all of their bytes: whoever
// goes on is to verify what is there.
//
// A Writer may be used from several goroutines.
type Writer struct {
	folders folders

	mu      sync.Mutex
	written []string // since the last Sync
}

// NewWriter returns one for files below root, which stays the caller's.
func NewWriter(root *os.Root) *Writer {
	return &Writer{folders: folders{below: root, open: map[string]*openFolder{}}}
}

// Write makes b the file called name (slash-separated, below the root), in folders
// that are made where they are missing; opt says with which mode and time, and
// whether a file that is there is replaced. It fails as Create does.
func (w *Writer) Write(name string, b []byte, opt Options) (Stamp, error) {
	n, err := namesOf(name)
	if err != nil {
		return Stamp{}, err
	}
	dir, err := w.folders.take(n.dir, true)
	if err != nil {
		return Stamp{}, explain(err, n.dir)
	}
	defer w.folders.give(dir)
	taken, err := isTaken(dir.root, path.Base(name), name, opt.Force)
	if err != nil {
		return Stamp{}, err
	}
	if taken {
		return Stamp{}, targetExists(name)
	}
	stamp, err := writeAside(dir.root, path.Base(name), b, opt)
	if err != nil {
		return Stamp{}, explain(err, name)
	}
	w.note(name)
	return stamp, nil
}

// note has the next Sync see to a file.
func (w *Writer) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written = append(w.written, name)
}

// writeAside writes b under another name, and then gives it that one.
func writeAside(dir *os.Root, name string, b []byte, opt Options) (stamp Stamp, err error) {
	aside := fmt.Sprintf(".%016x%s", rand.Uint64(), partSuffix)
	perm := fs.FileMode(0o666)
	if opt.Mode != 0 {
		perm = opt.Mode.Perm()
	}
	f, err := dir.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return Stamp{}, err
	}
	defer func() {
		if err != nil {
			f.Close()
			dir.Remove(aside)
		}
	}()
	if _, err := f.Write(b); err != nil {
		return Stamp{}, err
	}
	if !opt.ModTime.IsZero() {
		if err := dir.Chtimes(aside, time.Time{}, opt.modTime()); err != nil {
			return Stamp{}, err
		}
	}
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, err
	}
	if err := f.Close(); err != nil {
		return Stamp{}, err
	}
	return StampOf(info), dir.Rename(aside, name)
}

// Sync makes the disk confirm all that was written since it was last called.
func (w *Writer) Sync() error {
	w.mu.Lock()
	written := w.written
	w.written = nil
	w.mu.Unlock()
	if len(written) == 0 {
		return nil
	}
	return explain(syncAll(w.folders.below, written), written[0])
}

// Close lets go of what is open; no Write may be under way.
func (w *Writer) Close() { w.folders.close() }

// maxFolders is how many folders are kept open.
const maxFolders = 64

// folders keeps open the folders below one that were used lately, so that a name
// in them is one step away.
type folders struct {
	below *os.Root

	mu   sync.Mutex // guards what follows
	open map[string]*openFolder
}

type openFolder struct {
	root  *os.Root
	users int
}

// take opens a folder, making it and those on the way if asked to; give is to
// follow.
func (f *folders) take(dir string, make bool) (*openFolder, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o := f.open[dir]; o != nil {
		o.users++
		return o, nil
	}
	if make {
		if err := f.below.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	root, err := f.below.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f.makeRoomLocked()
	o := &openFolder{root: root, users: 1}
	f.open[dir] = o
	return o, nil
}

// makeRoomLocked closes those that nobody uses, if there are many.
func (f *folders) makeRoomLocked() {
	if len(f.open) < maxFolders {
		return
	}
	for dir, o := range f.open {
		if o.users == 0 {
			o.root.Close()
			delete(f.open, dir)
		}
	}
}

func (f *folders) give(o *openFolder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.users--
}

func (f *folders) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for dir, o := range f.open {
		o.root.Close()
		delete(f.open, dir)
	}
}

func targetExists(name string) error {
	return fault.Advise(fault.Wrapf(fault.Exists, "%s exists already", name), fault.HintReplace)
}
