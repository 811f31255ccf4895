package store

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Options say how a file in the making is opened and finished.
type Options struct {
	// Force replaces a file that has the final name, at the moment of the
	// renaming, and keeps only what is right where something else was in the
	// making.
	Force bool
	// Mode gives the permission bits of the finished file, less the umask; 0 means
	// 0o666.
	Mode fs.FileMode
	// ModTime is that of the finished file; zero means when it was finished.
	ModTime time.Time
	// Sparse does not reserve the disk space beforehand, nor ask whether there
	// is enough.
	Sparse bool
	// NoSync leaves it to the caller to make the disk confirm what is written,
	// once for many files.
	NoSync bool
	// Progress is told of bytes that are verified again because the state was
	// lost, from several goroutines at once; it may be nil.
	Progress func(n int64)

	renaming func() // called right before the file gets its final name; may be nil
}

// modTime is ModTime as a disk can be told it: the earliest or latest time that
// fits 64 bits of nanoseconds (1677 to 2262) in place of one beyond.
func (o Options) modTime() time.Time {
	first, last := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)
	switch {
	case o.ModTime.IsZero():
		return time.Time{}
	case o.ModTime.Before(first):
		return first
	case o.ModTime.After(last):
		return last
	}
	return o.ModTime
}

// syncEvery is after how many bytes written the disk is made to confirm them.
const syncEvery = 256 << 20

// Part is a file in the making: NAME.part beside its final name, with
// NAME.part.state, which see for what survives what. It is a File; writing
// different chunks from several goroutines verifies and writes them at the
// same time.
type Part struct {
	root *os.Root
	n    names
	list content.ChunkList
	opt  Options
	held int64 // bytes held when it was opened
	made bool  // folders on the way were made: their names must last, too

	// busy is held for reading while a chunk is read or written, and for
	// writing by what must find no chunk on its way.
	busy  sync.RWMutex
	files files

	mu       sync.Mutex
	progress progress
}

// files are what a Part has open, guarded by busy.
type files struct {
	data  *os.File // for writing; nil once the file is finished
	read  *os.File // for reading; nil once the Part is closed
	state *os.File // locked; nil once the file is finished or the Part closed
	done  bool     // the file has its final name
}

// progress is what a Part holds, guarded by mu.
type progress struct {
	have     content.Set
	state    state
	grew     growth
	unsynced int64 // bytes held that the disk was not yet asked to confirm
	every    int64 // when to ask it: syncEvery
	syncing  bool  // somebody is asking it
	failed   error // the disk did not confirm: nothing more can be promised
}

// List is the file's chunk list.
func (p *Part) Chunks() content.ChunkList { return p.list }

// Attributes are those of the finished file.
func (p *Part) Attributes() content.Attributes {
	p.busy.RLock()
	defer p.busy.RUnlock()
	return content.Attributes{Mode: uint32(p.opt.Mode.Perm()), ModTime: p.opt.ModTime}
}

// SetAttributes has the file finished with these, where they were not known when
// the Part was made.
func (p *Part) SetAttributes(a content.Attributes) {
	p.busy.Lock()
	defer p.busy.Unlock()
	p.opt.Mode, p.opt.ModTime = fs.FileMode(a.Mode), a.ModTime
}

// Resumed is how many bytes were held when the Part was opened.
func (p *Part) Resumed() int64 { return p.held }

// Have is the set of chunks held.
func (p *Part) Have() content.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.have.Clone()
}

// Grew returns a channel that is closed when Have may have grown.
func (p *Part) Grew() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.grew.wait()
}

// OS returns the data file, for sending chunks without copying them; valid until
// Close, after Finish too. It is for calls that name an offset (ReadAt,
// sendfile): its own position is shared by all.
func (p *Part) OS() *os.File {
	p.busy.RLock()
	defer p.busy.RUnlock()
	return p.files.read
}

// ReadChunk fills b with chunk i.
func (p *Part) ReadChunk(i int, b []byte) error {
	if err := checkRead(p.list, p.holds(i), i, b); err != nil {
		return err
	}
	p.busy.RLock()
	defer p.busy.RUnlock()
	if p.files.read == nil {
		return p.closed()
	}
	return readChunk(p.files.read, p.n.final, p.list.Offset(i), b)
}

// readChunk fills b from offset at of f, called name.
func readChunk(f *os.File, name string, at int64, b []byte) error {
	if n, err := f.ReadAt(b, at); n < len(b) {
		if info, staterr := f.Stat(); staterr == nil && info.Size() < at+int64(len(b)) {
			return fault.Wrapf(fault.Changed, "%s was cut to %d bytes by somebody", name, info.Size())
		}
		return explain(err, name)
	}
	return nil
}

// WriteChunk verifies b and stores it as chunk i.
func (p *Part) WriteChunk(i int, b []byte) error {
	if p.holds(i) {
		return nil
	}
	if err := p.list.Verify(i, b); err != nil {
		return err
	}
	p.busy.RLock()
	defer p.busy.RUnlock()
	if p.files.data == nil {
		return p.closed()
	}
	if _, err := p.files.data.WriteAt(b, p.list.Offset(i)); err != nil {
		return explain(err, p.n.final)
	}
	due, err := p.keep(i, len(b))
	if err != nil || due == nil {
		return err
	}
	return p.sync(due)
}

func (p *Part) holds(i int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress.have.Has(i)
}

// keep notes that chunk i, of n bytes, is written. due is the bitmap to be
// synced when that is the caller's turn, and nil otherwise.
func (p *Part) keep(i, n int) (due []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.progress
	if g.failed != nil || g.have.Has(i) {
		return nil, g.failed
	}
	if err := g.state.add(i); err != nil {
		return nil, explain(err, p.n.state)
	}
	g.have.Add(i)
	g.grew.tell()
	g.unsynced += int64(n)
	return g.due(g.every), nil
}

// due returns the bitmap to be synced when at least every bytes wait for it and
// nobody else does it: then it is the caller's turn. mu is held.
func (g *progress) due(every int64) []byte {
	if g.unsynced < every || g.syncing || g.failed != nil {
		return nil
	}
	g.unsynced, g.syncing = 0, true
	return bytes.Clone(g.state.bits)
}

// sync makes the disk confirm the data and notes that the chunks in bits are
// safe. Only one goroutine does so at a time; others go on writing meanwhile.
func (p *Part) sync(bits []byte) error {
	err := syncData(p.files.data)
	if err == nil {
		err = p.progress.state.confirm(bits)
	}
	if err == nil {
		err = p.syncNames() // for the names of data and state
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.progress
	g.syncing = false
	if err != nil {
		p.doubt(err)
	}
	return g.failed
}

// doubt ends all writing, because the disk did not confirm what it was given
// (mu is held). After a failed sync the kernel may drop what it could not
// write and call the next one a success, as PostgreSQL learnt in 2018: so
// what was not confirmed before is to be verified at the next opening.
func (p *Part) doubt(err error) {
	p.progress.state.distrust()
	if p.progress.failed == nil {
		p.progress.failed = explain(err, p.n.final)
	}
}

func (p *Part) closed() error {
	return fault.Wrapf(fault.Closed, "%s was closed here", p.n.final)
}
