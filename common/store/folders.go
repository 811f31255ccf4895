package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

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
	fast  fastFolder
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
			o.close()
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
		o.close()
		delete(f.open, dir)
	}
}

func (o *openFolder) close() {
	o.fast.close()
	o.root.Close()
}

// write makes b the file called name (at, for people) in the folder: it gets its
// name when it is whole.
func (o *openFolder) write(name, at string, b []byte, opt Options) (Stamp, error) {
	if !opt.Force {
		stamp, err := o.fast.writeNew(o.root, name, b, opt)
		if err == nil || !errors.Is(err, errSlow) && !errors.Is(err, fs.ErrExist) {
			return stamp, err
		}
	}
	taken, err := isTaken(o.root, name, at, opt.Force)
	if err != nil {
		return Stamp{}, err
	}
	if taken {
		return Stamp{}, targetExists(at)
	}
	return writeAside(o.root, name, b, opt)
}

// errSlow is why something is done in the way that every system knows.
var errSlow = errors.New("this system has no shorter way")

// writeAside writes b under another name, and then gives it that one.
func writeAside(dir *os.Root, name string, b []byte, opt Options) (stamp Stamp, err error) {
	aside := fmt.Sprintf(".%016x%s", rand.Uint64(), partSuffix)
	f, err := dir.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, opt.perm())
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

// perm are the permission bits that a new file is made with.
func (o Options) perm() fs.FileMode {
	if o.Mode == 0 {
		return 0o666
	}
	return o.Mode.Perm()
}

// read fills p from offset at of the file called name (path, for people), if it is
// one, and returns its stamp after the reading: what was changed before shows.
func (o *openFolder) read(name, path string, at int64, p []byte) (Stamp, error) {
	if stamp, err := o.fast.read(o.root, name, at, p); err == nil {
		return stamp, nil
	}
	f, _, err := o.open(name, path)
	if err != nil {
		return Stamp{}, err
	}
	defer f.Close()
	if err := readChunk(f, path, at, p); err != nil {
		return Stamp{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, explain(err, path)
	}
	return StampOf(info), nil
}

// open opens the file called name (path, for people), if it is one.
func (o *openFolder) open(name, path string) (*os.File, fs.FileInfo, error) {
	info, err := o.root.Lstat(name)
	if err != nil {
		return nil, nil, explain(err, path)
	}
	if err := mustBeRegular(info, path); err != nil {
		return nil, nil, err
	}
	f, err := o.root.Open(name)
	return f, info, explain(err, path)
}
