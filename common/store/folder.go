package store

import (
	"context"
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
	// OnScan is told how a scan went, when that is other than the one before:
	// what could not be looked at, and what is left out. It is never called
	// twice at once, must not call the Folder, and may be nil.
	OnScan func(Scan)
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
	where
	keep int64 // bytes of chunk lists in memory, see keepLists

	open  handles
	tally tally
	slots chan struct{} // one for each file being hashed
	first chan struct{} // closed when all names are known

	mu    sync.Mutex // guards what follows
	index *index
	watch watchers
	work  work
}

// OpenFolder opens the folder at dir, or the single file, which is then served
// under its base name. Nothing is read before Run or Describe.
func OpenFolder(dir string, cfg FolderConfig) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, explain(err, dir)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, explain(err, dir)
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 2 * time.Second
	}
	f := &Folder{cfg: cfg, where: where{path: abs}, keep: keepLists, index: newIndex()}
	if !info.IsDir() {
		f.where.name = filepath.Base(abs)
		if err := content.CheckPath(f.where.name); err != nil {
			return nil, err
		}
	}
	if _, err := f.follow(); err != nil {
		return nil, err
	}
	f.slots = make(chan struct{}, 2*runtime.GOMAXPROCS(0)+2)
	f.first = make(chan struct{})
	f.work.init(&f.mu)
	return f, nil
}

// Close frees what the Folder holds open; to be called after Run has returned.
// What Open gave stays open until it is closed itself.
func (f *Folder) Close() error { return f.where.close() }

// Looked waits until Run has gone through all names once, so that Entries and
// Watch know them all, and returns nil. It fails with fault.Busy when ctx ends
// before, or when they could not be gone through.
func (f *Folder) Looked(ctx context.Context) error {
	select {
	case <-f.first:
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.work.scanned:
		return nil
	case f.work.last.Err != nil:
		return fault.Wrapf(fault.Busy, "not looked through yet: %w", f.work.last.Err)
	}
	return fault.Wrapf(fault.Busy, "not all names are known here yet; try again soon")
}

// Entries returns up to limit entries (0: all) at prefix, sorted by name, behind
// the name after; more tells that there are others behind those. prefix is a
// folder or a file: "a" means the file a and all in the folder a, not ab; ""
// means everything.
func (f *Folder) Entries(prefix, after string, limit int) (entries []Entry, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index.find(strings.TrimSuffix(prefix, "/"), after, limit)
}

// ByID returns a file by its content. It fails with fault.NotFound when no file
// has it, with fault.Changed when one had it until lately, and with fault.Busy
// when that is not sure yet, because files are still to be looked at or hashed.
func (f *Folder) ByID(id content.ID) (Entry, content.ChunkList, error) {
	f.mu.Lock()
	names := f.index.byID[id]
	if len(names) == 0 {
		defer f.mu.Unlock()
		return Entry{}, content.ChunkList{}, f.unknown(id)
	}
	one := *f.index.records[names[0]]
	f.mu.Unlock()
	list, err := f.listOf(one)
	return one.entry, list, err
}

// unknown is what is said of an id that no file is known to have. mu is held.
func (f *Folder) unknown(id content.ID) error {
	name, had := f.index.former[id]
	r := f.index.records[name]
	switch {
	case r != nil && r.entry.ID.IsZero() && r.fault.err == nil:
		return fault.Wrapf(fault.Busy, "%s was written to; it is hashed again", name)
	case !f.work.scanned || f.work.pending > 0 || f.work.last.Err != nil || time.Now().Before(f.work.settled):
		return fault.Wrapf(fault.Busy, "no file here is known to have the id %s yet; files are still being hashed", id)
	case had:
		return fault.Wrapf(fault.Changed, "%s is no longer what it was", name)
	default:
		return fault.Wrapf(fault.NotFound, "no file here has the id %s", id)
	}
}

// listOf returns the chunk list of r, a copy, from memory or from the cache. It
// fails with fault.Busy when the cache has lost it; then the file is to be
// hashed again.
func (f *Folder) listOf(r record) (content.ChunkList, error) {
	if r.list.ID() == r.entry.ID {
		return r.list, nil
	}
	if list, ok := f.cached(r.entry.Name, r.stamp); ok && list.ID() == r.entry.ID {
		return list, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.index.records[r.entry.Name]; now != nil && now.stamp == r.stamp && now.list.ID() != r.entry.ID {
		f.index.unhash(now)
	}
	return content.ChunkList{}, fault.Wrapf(fault.Busy, "%s must be hashed again; try later", r.entry.Name)
}

// cached is the chunk list that the cache has of the file.
func (f *Folder) cached(name string, stamp Stamp) (content.ChunkList, bool) {
	p, err := f.at()
	if err != nil {
		return content.ChunkList{}, false
	}
	return f.cfg.Cache.Lookup(p.path(name), stamp)
}

// thrift lets go of the list of r, which the cache has, when there are many in
// memory. mu is held.
func (f *Folder) thrift(r *record) {
	if f.index.kept > f.keep && r.list.Len() > 1 {
		f.index.release(r)
	}
}

// Create begins, or goes on with, a file put into the folder; see Create. A
// name that would not be shown fails with fault.Invalid, and everything with
// fault.ReadOnly when a single file is served. After Part.Finish, call
// Finished.
func (f *Folder) Create(name string, list content.ChunkList, opt Options) (*Part, error) {
	if f.where.name != "" {
		return nil, fault.Wrapf(fault.ReadOnly, "a single file is served here; nothing can be put beside it")
	}
	if err := content.CheckPath(name); err != nil {
		return nil, err
	}
	if !Visible(name) {
		return nil, fault.Wrapf(fault.Invalid, "%q would be hidden: names with a dot in front, or ending in %s, can not be put here", name, partSuffix)
	}
	p, err := f.at()
	if err != nil {
		return nil, err
	}
	dir, err := p.folder(path.Dir(name))
	switch {
	case err == nil:
		dir.Close()
	case errors.Is(err, errLink):
		return nil, fault.Wrapf(fault.Invalid, "%s lies behind a link", name)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, served("write", err, name)
	}
	opt.renaming = func() { f.expect(name) }
	part, err := Create(p.root, name, list, opt)
	if errors.Is(err, fault.InUse) {
		return nil, fault.Wrapf(fault.InUse, "%s is being uploaded already", name)
	}
	return part, served("write", err, name)
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
	_, info, err := f.look(name)
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
	p, err := f.at()
	if err != nil {
		return // as it is hashed again one day
	}
	for _, r := range known {
		if f.cfg.Cache.Remember(p.path(r.entry.Name), r.stamp, r.list) != nil {
			continue // the file is hashed again one day, no more
		}
		f.mu.Lock()
		if now := f.index.records[r.entry.Name]; now != nil && now.stamp == r.stamp {
			f.thrift(now)
		}
		f.mu.Unlock()
	}
}

// Current returns what is true of entries at this moment, whenever the last
// scan was: one whose file was written to since is without its id, and one
// whose file is gone is left out.
func (f *Folder) Current(entries []Entry) []Entry {
	p, err := f.at()
	if err != nil {
		return entries // as they are known
	}
	now := make([]Entry, 0, len(entries))
	dir := lastFolder{place: p}
	defer dir.close()
	for _, e := range entries {
		info, err := dir.lstat(p.real(e.Name))
		switch {
		case err == nil && info.Mode().IsRegular():
			now = append(now, f.current(e, info))
		case err != nil && !isMissing(err) && !errors.Is(err, errLink):
			now = append(now, e)
		}
	}
	return now
}

// current is e as info shows its file.
func (f *Folder) current(e Entry, info fs.FileInfo) Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.index.records[e.Name]; r != nil && r.stamp == StampOf(info) {
		return r.entry
	}
	return fileOf(e.Name, info).entry()
}
