package store

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Shelved is a finished file that is opened only while a chunk of it is read:
// a folder may have more files than a process may open. Nothing can be written
// to it.
type Shelved struct {
	root *os.Root
	name string // slash-separated, within root
	list content.ChunkList

	mu    sync.Mutex // guards stamp
	stamp Stamp      // as it was when its chunks were computed
}

// NewShelved returns the file called name (slash-separated, within root) that had
// this stamp when its chunks were computed. root stays the caller's.
func NewShelved(root *os.Root, name string, list content.ChunkList, stamp Stamp) *Shelved {
	return &Shelved{root: root, name: name, list: list, stamp: stamp}
}

// open opens the file as it was when its chunks were computed.
func (f *Shelved) open() (*Held, error) {
	f.mu.Lock()
	stamp := f.stamp
	f.mu.Unlock()
	return OpenHeld(f.root, f.name, f.list, stamp)
}

// asItIs opens the file as it is now, whatever it holds.
func (f *Shelved) asItIs() (*Held, Stamp, error) {
	info, err := f.root.Lstat(f.name)
	if err != nil {
		return nil, Stamp{}, explain(err, f.name)
	}
	now := StampOf(info)
	held, err := OpenHeld(f.root, f.name, f.list, now)
	return held, now, err
}

// Check fails when the file is no longer what it was; one that was only
// touched is.
func (f *Shelved) Check(ctx context.Context) error {
	held, err := f.open()
	if err == nil {
		return held.Close()
	}
	if !errors.Is(err, fault.Changed) {
		return err
	}
	held, now, failed := f.asItIs()
	if failed != nil {
		return failed
	}
	defer held.Close()
	if now.Size != f.list.Size() {
		return err
	}
	list, failed := content.Hash(ctx, held.OS(), now.Size, nil)
	if failed = cmp.Or(failed, held.Changed()); failed != nil || list.ID() != f.list.ID() {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stamp = now
	return nil
}

// Name is the file's name within its root.
func (f *Shelved) Name() string { return f.name }

// Attributes are the file's mode and time, as they are now.
func (f *Shelved) Attributes() (a content.Attributes) {
	info, err := f.root.Lstat(f.name)
	if err != nil {
		return a
	}
	return content.Attributes{Mode: uint32(info.Mode().Perm()), ModTime: info.ModTime()}
}

// Chunks is the file's chunk list.
func (f *Shelved) Chunks() content.ChunkList { return f.list }

// Have is the set of all chunks.
func (f *Shelved) Have() content.Set { return content.FullSet(f.list.Len()) }

// Grew returns a channel that is never closed: all is held.
func (f *Shelved) Grew() <-chan struct{} { return nil }

// Close does nothing: the file is open only while it is read.
func (f *Shelved) Close() error { return nil }

// ReadChunk fills p with chunk i.
func (f *Shelved) ReadChunk(i int, p []byte) error {
	held, err := f.open()
	if errors.Is(err, fault.Changed) { // perhaps touched: the chunk itself tells
		return f.readVerified(i, p)
	}
	if err != nil {
		return err
	}
	defer held.Close()
	return held.ReadChunk(i, p)
}

// readVerified is ReadChunk for a file that may have changed.
func (f *Shelved) readVerified(i int, p []byte) error {
	held, _, err := f.asItIs()
	if err != nil {
		return err
	}
	defer held.Close()
	if err := held.ReadChunk(i, p); err != nil {
		return err
	}
	if f.list.Verify(i, p) != nil {
		return fault.Wrapf(fault.Changed, "%s has changed since it was hashed", f.name)
	}
	return nil
}

// WriteChunk fails with fault.ReadOnly, as Held's does.
func (f *Shelved) WriteChunk(i int, p []byte) error {
	held, err := f.open()
	if err != nil {
		return err
	}
	defer held.Close()
	return held.WriteChunk(i, p)
}
