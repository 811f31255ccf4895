package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Tree is a collection in a folder, held in part or whole. Its chunks are the
// collection's pieces: one that is written becomes files there at once, the small
// ones whole, and one that is read is put together from them. Its methods may be
// called from several goroutines.
type Tree struct {
	c      *content.Collection
	root   *os.Root
	under  string // of the paths in root: "" or a folder's name and a slash
	opt    TreeOptions
	writer *Writer
	parts  parts
	fresh  bool           // nothing was there when it was looked at
	pieces [64]sync.Mutex // by piece: one goroutine at a time writes it

	mu    sync.Mutex  // guards what follows
	files []treeFile  // by entry
	first []int32     // by entry: the first of its pieces
	homes map[int]int // entries whose content has its place at another entry's path
	partly
	have content.Set // pieces of which every file is there
	done content.Set // pieces of which nothing is wanted any more
}

// partly is what is held of longer files in the making, by entry.
type partly map[int]content.Set

type treeFile struct {
	stamp Stamp // when it is there
	is    fileState
}

type fileState uint8

const (
	wanted fileState = iota
	there            // whole, in its place
	amiss            // it has no place here, or is no longer what it was
)

// TreeOptions say what is to become of files that are in the way, and who hears
// of single files. The functions may be called from several goroutines at once,
// and may be nil.
type TreeOptions struct {
	Force bool // replaces files that are there and differ
	// Only is the path of the file or folder in the collection that is wanted
	// alone: it keeps its name, and not those above it; "" is all.
	Only string
	// Cache has the chunk lists of single files, or is to have them; nil: they are
	// hashed whenever they are asked for.
	Cache *Cache
	// Failed is told why a file does not get its place, or has changed since; the
	// others are gone on with if it returns nil.
	Failed func(content.Entry, error) error
	// Placed is told of a file that is whole and in its place; kept bytes of it
	// were there before.
	Placed func(e content.Entry, kept int64)
	// Progress is told of bytes that are looked at because they may be right.
	Progress func(n int64)
}

// NewTree returns the collection c in root, whose files lie below the folder
// under ("": in root itself). Nothing is known of them yet: see Look and Hold.
// root stays the caller's.
func NewTree(root *os.Root, under string, c *content.Collection, opt TreeOptions) *Tree {
	t := &Tree{
		c: c, root: root, opt: opt, writer: NewWriter(root), partly: partly{}, homes: map[int]int{},
		files: make([]treeFile, len(c.Entries())), first: make([]int32, len(c.Entries())),
		have: content.NewSet(c.Len()), done: content.NewSet(c.Len()),
	}
	if under != "" {
		t.under = under + "/"
	}
	t.parts.tree, t.parts.open = t, map[int]*openPart{}
	for i := c.Len() - 1; i >= 0; i-- {
		for s := range c.Segments(i) {
			t.first[s.Entry] = int32(i)
		}
	}
	return t
}

// Hold tells that all files are there, with these stamps.
func (t *Tree) Hold(stamp func(content.Entry) Stamp) {
	for i, e := range t.c.Entries() {
		t.files[i] = treeFile{stamp: stamp(e), is: there}
	}
	t.have, t.done = content.FullSet(t.c.Len()), content.FullSet(t.c.Len())
}

// Collection is what the Tree is of.
func (t *Tree) Collection() *content.Collection { return t.c }

// Have is the set of pieces that can be read: the caller's own copy.
func (t *Tree) Have() content.Set {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have.Clone()
}

// Done is the set of pieces of which nothing is wanted, be it that a file has no
// place here: the caller's own copy.
func (t *Tree) Done() content.Set {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done.Clone()
}

// home is the entry at whose path an entry's content is.
func (t *Tree) home(entry int) content.Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, moved := t.homes[entry]; moved {
		entry = at
	}
	return t.c.Entries()[entry]
}

// name is the name of an entry's file in root.
func (t *Tree) name(entry int) string {
	p := t.home(entry).Path
	if above := path.Dir(t.opt.Only); above != "." {
		p = strings.TrimPrefix(p, above+"/")
	}
	return t.under + p
}

// options are those of an entry's file.
func (t *Tree) options(entry int) Options {
	e := t.home(entry)
	return Options{Force: t.opt.Force, Mode: fs.FileMode(e.Mode), ModTime: e.ModTime, Sparse: true, NoSync: true}
}

// WriteChunk verifies p and puts what is in piece i into its files. It fails with
// fault.Corrupt, fault.Invalid, as Options.Failed says, and with fault.NoSpace and
// the like, which are not about one file.
func (t *Tree) WriteChunk(i int, p []byte) error {
	if i < 0 || i >= t.c.Len() {
		return fault.Wrapf(fault.Invalid, "piece %d of a collection with %d", i, t.c.Len())
	}
	if len(p) != t.c.ChunkLen(i) {
		return fault.Wrapf(fault.Corrupt, "piece %d has %d bytes, not %d", i, len(p), t.c.ChunkLen(i))
	}
	one := &t.pieces[i%len(t.pieces)]
	one.Lock()
	defer one.Unlock()
	for s := range t.c.Segments(i) {
		if err := t.c.List(s.Entry).Verify(s.Chunk, p[s.At:][:s.Len]); err != nil {
			return err
		}
	}
	for s := range t.c.Segments(i) {
		if t.lacks(s) {
			if err := t.put(s, p[s.At:][:s.Len]); err != nil {
				return err
			}
		}
	}
	return nil
}

// lacks reports whether a segment is wanted.
func (t *Tree) lacks(s content.Segment) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files[s.Entry].is == wanted && !t.partly[s.Entry].Has(s.Chunk)
}

// put writes a chunk of a file.
func (t *Tree) put(s content.Segment, p []byte) error {
	if t.c.List(s.Entry).Len() > 1 {
		err := t.parts.use(s.Entry, func(part *Part) error { return part.WriteChunk(s.Chunk, p) })
		if err != nil {
			return t.fail(s.Entry, err)
		}
		return t.arrived(s)
	}
	stamp, err := t.writer.Write(t.name(s.Entry), p, t.options(s.Entry))
	if errors.Is(err, fault.Exists) { // perhaps by another process, which fetches the same
		if now, right := t.right(s.Entry); right {
			stamp, err = now, nil
		}
	}
	if err != nil {
		return t.fail(s.Entry, err)
	}
	t.placed(s.Entry, stamp, 0)
	return nil
}

// arrived notes a chunk of a longer file, and finishes the file with the last.
func (t *Tree) arrived(s content.Segment) error {
	t.mu.Lock()
	held, begun := t.partly[s.Entry]
	if !begun {
		held = content.NewSet(t.c.List(s.Entry).Len())
		t.partly[s.Entry] = held
	}
	held.Add(s.Chunk)
	full := held.Full()
	t.judgeLocked(s.Entry)
	t.mu.Unlock()
	if !full {
		return nil
	}
	stamp, err := t.parts.finish(s.Entry)
	if err != nil {
		return t.fail(s.Entry, err)
	}
	t.placed(s.Entry, stamp, 0)
	return nil
}

// placed notes that a file is whole and in its place.
func (t *Tree) placed(entry int, stamp Stamp, kept int64) {
	t.mu.Lock()
	t.files[entry] = treeFile{stamp: stamp, is: there}
	delete(t.partly, entry)
	t.judgeLocked(entry)
	t.mu.Unlock()
	if t.opt.Placed != nil {
		t.opt.Placed(t.home(entry), kept)
	}
}

// fail notes that a file has no place here, or is no longer what it was: nothing
// more is wanted of it, and nothing can be read.
func (t *Tree) fail(entry int, why error) error {
	t.mu.Lock()
	before := t.files[entry].is
	t.files[entry].is = amiss
	t.judgeLocked(entry)
	t.mu.Unlock()
	if before == amiss || t.opt.Failed == nil {
		return nil
	}
	return t.opt.Failed(t.home(entry), why)
}

// judgeLocked looks which of an entry's pieces are held and done.
func (t *Tree) judgeLocked(entry int) {
	for i := int(t.first[entry]); i < t.c.Len(); i++ {
		own, have, done := false, true, true
		for s := range t.c.Segments(i) {
			own = own || s.Entry == entry
			is := t.files[s.Entry].is
			held := is == there || is == wanted && t.partly[s.Entry].Has(s.Chunk)
			have = have && held
			done = done && (held || is == amiss)
		}
		if !own {
			return
		}
		set(t.have, i, have)
		set(t.done, i, done)
	}
}

func set(s content.Set, i int, in bool) {
	if in {
		s.Add(i)
	} else {
		s.Remove(i)
	}
}

// ReadChunk fills p with piece i. It fails with fault.NotFound for one that is not
// held, and with fault.Changed when a file of it is no longer what it was: from
// then on none of its pieces is held.
func (t *Tree) ReadChunk(i int, p []byte) error {
	t.mu.Lock()
	held := t.have.Has(i)
	t.mu.Unlock()
	if !held || len(p) != t.c.ChunkLen(i) {
		return fault.Wrapf(fault.NotFound, "piece %d is not held", i)
	}
	for s := range t.c.Segments(i) {
		err := t.read(s, p[s.At:][:s.Len])
		if err == nil {
			continue
		}
		if isScarcity(err) {
			return err
		}
		err = fault.Wrapf(fault.Changed, "%s has changed or gone since it was hashed: %w", t.home(s.Entry).Path, err)
		return errors.Join(err, t.fail(s.Entry, err))
	}
	return nil
}

// isScarcity reports whether err says nothing of a file, but that none can be
// opened now.
func isScarcity(err error) bool { return errors.Is(err, fault.Busy) }

// read fills p with a chunk of a file.
func (t *Tree) read(s content.Segment, p []byte) error {
	t.mu.Lock()
	f := t.files[s.Entry]
	t.mu.Unlock()
	list := t.c.List(s.Entry)
	if f.is == wanted {
		err := t.parts.use(s.Entry, func(part *Part) error { return part.ReadChunk(s.Chunk, p) })
		if !errors.Is(err, errPlaced) {
			return err
		}
	}
	now, err := t.readFile(s.Entry, list.Offset(s.Chunk), p)
	if err != nil || now == f.stamp && f.is == there {
		return err
	}
	if err := list.Verify(s.Chunk, p); err != nil { // else it was only touched, or copied back
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if list.Len() == 1 && t.files[s.Entry].is == there {
		t.files[s.Entry].stamp = now
	}
	return nil
}

// readFile fills p from offset at of an entry's file.
func (t *Tree) readFile(entry int, at int64, p []byte) (stamp Stamp, err error) {
	err = t.inFolder(entry, func(dir *openFolder, base, name string) error {
		stamp, err = dir.read(base, name, at, p)
		return err
	})
	return stamp, err
}

// openFile opens an entry's file, if it is one.
func (t *Tree) openFile(entry int) (f *os.File, info fs.FileInfo, err error) {
	err = t.inFolder(entry, func(dir *openFolder, base, name string) error {
		f, info, err = dir.open(base, name)
		return err
	})
	return f, info, err
}

// inFolder does something in the folder of an entry's file.
func (t *Tree) inFolder(entry int, do func(dir *openFolder, base, name string) error) error {
	name := t.name(entry)
	dir, err := t.writer.folders.take(path.Dir(name), false)
	if err != nil {
		return explain(err, name)
	}
	defer t.writer.folders.give(dir)
	return do(dir, path.Base(name), name)
}

// Close lets go of what is open; what was written stays, and the next Look finds
// it.
func (t *Tree) Close() error {
	t.parts.close()
	t.writer.Close()
	return nil
}
