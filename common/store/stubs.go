package store

import (
	"context"
	"io/fs"
	"os"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

var notYet = fault.Wrapf(fault.Internal, "not built yet")

// Options say how a Part becomes a finished file.
type Options struct {
	Force    bool          // replace a finished file, drop a partial one of another id
	Mode     fs.FileMode   // permission bits of the finished file; 0: 0o666 less the umask
	ModTime  time.Time     // of the finished file; zero: now
	Progress func(n int64) // bytes verified again, when a state was lost; may be nil
}

// Part is a file in the making: a File.
type Part struct{ list content.ChunkList }

// Create begins or resumes NAME.part inside root.
func Create(root *os.Root, name string, list content.ChunkList, opt Options) (*Part, error) {
	return nil, notYet
}

// Saved gives the chunk list kept in the state of a file in the making.
func Saved(root *os.Root, name string) (content.ChunkList, bool) { return content.ChunkList{}, false }

func (p *Part) List() content.ChunkList          { return p.list }
func (p *Part) Have() content.Set                { return content.NewSet(p.list.Len()) }
func (p *Part) Grew() <-chan struct{}            { return nil }
func (p *Part) ReadChunk(i int, b []byte) error  { return notYet }
func (p *Part) WriteChunk(i int, b []byte) error { return notYet }

// Close keeps what was written.
func (p *Part) Close() error { return nil }

// Resumed is the number of bytes held when the Part was opened.
func (p *Part) Resumed() int64 { return 0 }

// Finish gives the file its final name; only when it is whole.
func (p *Part) Finish() error { return notYet }

// Discard removes data and state.
func (p *Part) Discard() error { return notYet }

// OS is the data file, for sendfile; valid until Close.
func (p *Part) OS() *os.File { return nil }

// Stamp is what a file is known by without reading it.
type Stamp struct {
	Size    int64 // bytes
	ModTime int64 // ns since 1970
	Inode   uint64
}

// StampOf gives the Stamp of a file.
func StampOf(info fs.FileInfo) Stamp { return Stamp{} }

// Held is a finished file opened for reading: a File.
type Held struct{ list content.ChunkList }

// OpenHeld opens a finished file inside root.
func OpenHeld(root *os.Root, name string, list content.ChunkList, stamp Stamp) (*Held, error) {
	return nil, notYet
}

func (h *Held) List() content.ChunkList          { return h.list }
func (h *Held) Have() content.Set                { return content.FullSet(h.list.Len()) }
func (h *Held) Grew() <-chan struct{}            { return nil }
func (h *Held) ReadChunk(i int, b []byte) error  { return notYet }
func (h *Held) WriteChunk(i int, b []byte) error { return notYet }
func (h *Held) Close() error                     { return nil }

// OS is the file, for sendfile; valid until Close.
func (h *Held) OS() *os.File { return nil }

// Changed fails with fault.Changed when the file is no longer what it was.
func (h *Held) Changed() error { return nil }

// Cache remembers chunk lists between runs. A nil *Cache remembers nothing.
type Cache struct{}

// OpenCache opens or makes the cache in dir.
func OpenCache(dir string) (*Cache, error) { return nil, notYet }

// DefaultCacheDir is os.UserCacheDir()/starmesh/hashes.
func DefaultCacheDir() (string, error) { return "", notYet }

// Lookup finds the list of the file at path as it was at stamp.
func (c *Cache) Lookup(path string, stamp Stamp) (content.ChunkList, bool) {
	return content.ChunkList{}, false
}

// Remember keeps list for the file at path as it was at stamp.
func (c *Cache) Remember(path string, stamp Stamp, list content.ChunkList) error { return nil }

// HashFile gives the chunk list of the file at path, from the cache if it can.
func HashFile(ctx context.Context, path string, cache *Cache, progress func(n int64)) (content.ChunkList, error) {
	return content.ChunkList{}, notYet
}

// FolderConfig is how a folder is served.
type FolderConfig struct {
	Cache    *Cache                    // may be nil
	Progress func(hashed, total int64) // bytes of the files to be hashed; may be nil
	Interval time.Duration             // between scans; 0: 2 s
}

// Folder is a served folder.
type Folder struct{}

// Entry is one file of a Folder.
type Entry struct {
	Name    string // slash-separated, within the folder
	Size    int64  // bytes
	ModTime time.Time
	Mode    fs.FileMode
	ID      content.ID // zero while not hashed yet
}

// EventKind says what happened to a file of a Folder.
type EventKind int

// What can happen to a file.
const (
	Appeared EventKind = iota + 1 // a file is there and its id known
	Changed                       // its contents are others
	Gone                          // it is no longer there
	Lost                          // events were dropped: list again
)

// Event is one change of a Folder. Entry is empty with Lost.
type Event struct {
	Kind  EventKind
	Entry Entry
}

// OpenFolder opens the folder, or the single file, at dir.
func OpenFolder(dir string, cfg FolderConfig) (*Folder, error) { return nil, notYet }

// Run scans and hashes until ctx ends; then it returns nil.
func (f *Folder) Run(ctx context.Context) error { return notYet }

// Close frees what the Folder holds open; after Run has returned.
func (f *Folder) Close() error { return nil }

// List gives entries at prefix, sorted by name, those after the name after.
func (f *Folder) List(prefix, after string, limit int) (entries []Entry, more bool) {
	return nil, false
}

// Describe gives the entry and chunk list of name, hashing it if need be.
func (f *Folder) Describe(ctx context.Context, name string, progress func(done, total int64)) (Entry, content.ChunkList, error) {
	return Entry{}, content.ChunkList{}, notYet
}

// ByID finds a file by the hash of its contents.
func (f *Folder) ByID(id content.ID) (Entry, content.ChunkList, error) {
	return Entry{}, content.ChunkList{}, notYet
}

// Open opens an entry whose id is known.
func (f *Folder) Open(name string) (*Held, error) { return nil, notYet }

// Create begins or resumes an upload.
func (f *Folder) Create(name string, list content.ChunkList, opt Options) (*Part, error) {
	return nil, notYet
}

// Finished tells that the Part made by Create for name has its final name.
func (f *Folder) Finished(name string, list content.ChunkList) error { return notYet }

// Watch gives the changes at prefix from now on, until stop.
func (f *Folder) Watch(prefix string) (events <-chan Event, stop func()) { return nil, func() {} }
