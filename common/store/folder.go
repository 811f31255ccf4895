package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// FolderConfig says how a Folder works. The zero value may be used.
type FolderConfig struct {
	// Cache remembers what was hashed; nil remembers nothing.
	Cache *Cache
	// Progress is told how many of the bytes that must be hashed are, since
	// Run began: after the first scan, and then while it hashes. It is never
	// called twice at once, and must not call the Folder. It may be nil.
	Progress func(hashed, total int64)
	// Interval is the pause between two scans; 0 means 2 s. It is made longer
	// where scanning would take more than 5 % of the time.
	Interval time.Duration
}

// Folder is a folder, or a single file, that is served: names, sizes, ids and
// chunk lists of the regular files in it, kept up to date while Run runs.
// Dot-files, dot-folders, links and files in the making are not shown, and no
// link is followed. All methods may be called from several goroutines.
type Folder struct {
	cfg FolderConfig
	place
	keep int64 // bytes of chunk lists in memory, see keepLists

	open  handles
	tally tally
	slots chan struct{} // one for each file being hashed

	mu    sync.Mutex // guards what follows
	index *index
	watch watchers
	work  work
}

// place is where the files are.
type place struct {
	root *os.Root
	base string // the root's absolute path, for the cache
	only single // set when a single file is served
}

// single is the one file served: its name for others and its name on the disk,
// which differ when it was given as a link.
type single struct{ name, real string }

// OpenFolder opens the folder at dir, or the single file, which is then served
// under its base name. Nothing is read before Run or Describe.
func OpenFolder(dir string, cfg FolderConfig) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, explain(err, dir)
	}
	base, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, explain(err, dir)
	}
	info, err := os.Stat(base)
	if err != nil {
		return nil, explain(err, dir)
	}
	var only single
	if !info.IsDir() {
		only = single{name: filepath.Base(abs), real: filepath.Base(base)}
		if err := checkSingle(only, info); err != nil {
			return nil, err
		}
		base = filepath.Dir(base)
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, explain(err, dir)
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 2 * time.Second
	}
	f := &Folder{cfg: cfg, place: place{root: root, base: base, only: only}, keep: keepLists, index: newIndex()}
	f.slots = make(chan struct{}, 2*runtime.GOMAXPROCS(0)+2)
	f.work.init(&f.mu)
	return f, nil
}

func checkSingle(only single, info fs.FileInfo) error {
	if err := mustBeRegular(info, only.name); err != nil {
		return err
	}
	return content.CheckPath(only.name)
}

// Close frees what the Folder holds open; to be called after Run has returned.
// What Open gave stays open until it is closed itself.
func (f *Folder) Close() error { return f.root.Close() }

// List gives up to limit entries (0: all) at prefix, sorted by name, behind
// the name after; more tells that there are others behind those. prefix is a
// folder or a file: "a" means the file a and all in the folder a, not ab; ""
// means everything.
func (f *Folder) List(prefix, after string, limit int) (entries []Entry, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index.find(strings.TrimSuffix(prefix, "/"), after, limit)
}

// ByID gives a file by its content. It fails with fault.NotFound when no file
// has it, and with fault.Busy when that is not sure yet, because files are
// still to be looked at or hashed.
func (f *Folder) ByID(id content.ID) (Entry, content.ChunkList, error) {
	f.mu.Lock()
	names := f.index.byID[id]
	if len(names) == 0 {
		unsure := f.index.scan > 0 && !f.work.scanned || f.work.pending > 0
		f.mu.Unlock()
		if unsure {
			return Entry{}, content.ChunkList{}, fault.Wrapf(fault.Busy, "no file here is known to have the id %s yet; files are still being hashed", id)
		}
		return Entry{}, content.ChunkList{}, fault.Wrapf(fault.NotFound, "no file here has the id %s", id)
	}
	one := *f.index.records[names[0]]
	f.mu.Unlock()
	list, err := f.listOf(one)
	return one.entry, list, err
}

// listOf gives the chunk list of r, a copy, from memory or from the cache. It
// fails with fault.Busy when the cache has lost it; then the file is to be
// hashed again.
func (f *Folder) listOf(r record) (content.ChunkList, error) {
	if r.list.ID() == r.entry.ID {
		return r.list, nil
	}
	list, ok := f.cfg.Cache.Lookup(f.path(r.entry.Name), r.stamp)
	if ok && list.ID() == r.entry.ID {
		return list, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.index.records[r.entry.Name]; now != nil && now.stamp == r.stamp && now.list.ID() != r.entry.ID {
		f.index.unhash(now)
	}
	return content.ChunkList{}, fault.Wrapf(fault.Busy, "%s must be hashed again; try later", r.entry.Name)
}

// thrift lets go of the list of r, which the cache has, when there are many in
// memory. mu is held.
func (f *Folder) thrift(r *record) {
	if f.index.kept > f.keep && r.list.Len() > 1 {
		f.index.release(r)
	}
}

// real is the name on the disk.
func (f *Folder) real(name string) string {
	if f.only.name != "" {
		return f.only.real
	}
	return name
}

// path is the absolute path on the disk.
func (f *Folder) path(name string) string {
	return filepath.Join(f.base, filepath.FromSlash(f.real(name)))
}

// shows tells whether a file of this name would be served.
func (f *Folder) shows(name string) error {
	if err := content.CheckPath(name); err != nil {
		return err
	}
	if f.only.name != "" && name != f.only.name || f.only.name == "" && !Visible(name) {
		return notThere(name)
	}
	return nil
}

func notThere(name string) error { return fault.Wrapf(fault.NotFound, "%s is not there", name) }

// stat looks at a file that is served if it is there: regular, shown, and
// below folders that are no links.
func (f *Folder) stat(name string) (fs.FileInfo, error) {
	if err := f.shows(name); err != nil {
		return nil, err
	}
	real := f.real(name)
	if f.throughLink(real) {
		return nil, notThere(name)
	}
	info, err := f.root.Lstat(real)
	if errors.Is(err, fs.ErrNotExist) || isNotFolder(err) || err == nil && !info.Mode().IsRegular() {
		return nil, notThere(name)
	}
	return info, explain(err, name)
}

// throughLink tells whether a folder on the way to name is a link.
func (f *Folder) throughLink(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := f.root.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// Create begins, or goes on with, a file put into the folder; see Create. A
// name that would not be shown fails with fault.Invalid, and everything with
// fault.ReadOnly when a single file is served. After Part.Finish, call
// Finished.
func (f *Folder) Create(name string, list content.ChunkList, opt Options) (*Part, error) {
	if f.only.name != "" {
		return nil, fault.Wrapf(fault.ReadOnly, "a single file is served here; nothing can be put beside it")
	}
	if err := content.CheckPath(name); err != nil {
		return nil, err
	}
	if !Visible(name) {
		return nil, fault.Wrapf(fault.Invalid, "%q would be hidden: names with a dot in front, or ending in %s, can not be put here", name, partSuffix)
	}
	if f.throughLink(name) {
		return nil, fault.Wrapf(fault.Invalid, "%s lies behind a link", name)
	}
	opt.renaming = func() { f.expect(name) }
	return Create(f.root, name, list, opt)
}

// expect keeps a scan from having a file hashed that appears before Finished
// can say what it is.
func (f *Folder) expect(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.work.expected[name] = time.Now()
}

// Finished notes that the Part that Create gave for name is finished, so that
// the file is known at once without being hashed. It fails with fault.NotFound
// or fault.Changed when the file is not what was put there.
func (f *Folder) Finished(name string, list content.ChunkList) error {
	info, err := f.stat(name)
	if err != nil {
		return err
	}
	if info.Size() != list.Size() {
		return fault.Wrapf(fault.Changed, "%s has %d bytes, not the %d put there", name, info.Size(), list.Size())
	}
	f.know(fileOf(name, info), list, false)
	f.mu.Lock()
	delete(f.work.expected, name)
	f.mu.Unlock()
	f.remember()
	return nil
}

// know notes the chunk list of a file as it is now; saved tells that the cache
// has it.
func (f *Folder) know(found file, list content.ChunkList, saved bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch.tell(f.index.know(found, list))
	switch {
	case saved:
		f.thrift(f.index.records[found.name])
	case f.cfg.Cache != nil:
		f.work.unsaved = append(f.work.unsaved, found.name)
	}
}

func (f *Folder) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch.tell(f.index.forget(name))
}

// remember puts into the cache what it does not have yet, except for what was
// written so recently that it would refuse it: that is left for later.
func (f *Folder) remember() {
	f.mu.Lock()
	var known []record
	f.work.unsaved = slices.DeleteFunc(f.work.unsaved, func(name string) bool {
		r := f.index.records[name]
		if r == nil || r.list.ID() != r.entry.ID {
			return true
		}
		if isRacy(r.stamp, time.Now()) {
			return false
		}
		known = append(known, *r)
		return true
	})
	f.mu.Unlock()
	for _, r := range known {
		if f.cfg.Cache.Remember(f.path(r.entry.Name), r.stamp, r.list) != nil {
			continue // the file is hashed again one day, no more
		}
		f.mu.Lock()
		if now := f.index.records[r.entry.Name]; now != nil && now.stamp == r.stamp {
			f.thrift(now)
		}
		f.mu.Unlock()
	}
}
