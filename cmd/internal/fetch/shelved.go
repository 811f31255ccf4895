package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// shelved is a finished file that is opened only while a chunk of it is read:
// a folder may have more files than a process may open. Nothing can be written
// to it.
type shelved struct {
	root *os.Root
	name string // slash-separated, within root
	list content.ChunkList

	mu    sync.Mutex  // guards stamp
	stamp store.Stamp // as it was when its chunks were computed
}

func newShelved(root *os.Root, name string, list content.ChunkList, stamp store.Stamp) *shelved {
	return &shelved{root: root, name: name, list: list, stamp: stamp}
}

// open opens the file as it was when its chunks were computed.
func (f *shelved) open() (*store.Held, error) {
	f.mu.Lock()
	stamp := f.stamp
	f.mu.Unlock()
	return store.OpenHeld(f.root, f.name, f.list, stamp)
}

// asItIs opens the file as it is now, whatever it holds.
func (f *shelved) asItIs() (*store.Held, store.Stamp, error) {
	info, err := f.root.Lstat(filepath.FromSlash(f.name))
	if err != nil {
		return nil, store.Stamp{}, fileerr.Named(f.name, err)
	}
	now := store.StampOf(info)
	held, err := store.OpenHeld(f.root, f.name, f.list, now)
	return held, now, err
}

// check fails when the file is no longer what it was; one that was only
// touched is.
func (f *shelved) check(ctx context.Context) error {
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

func (f *shelved) List() content.ChunkList { return f.list }
func (f *shelved) Have() content.Set       { return content.FullSet(f.list.Len()) }
func (f *shelved) Grew() <-chan struct{}   { return nil }
func (f *shelved) Close() error            { return nil }

func (f *shelved) ReadChunk(i int, p []byte) error {
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
func (f *shelved) readVerified(i int, p []byte) error {
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

func (f *shelved) WriteChunk(i int, p []byte) error {
	held, err := f.open()
	if err != nil {
		return err
	}
	defer held.Close()
	return held.WriteChunk(i, p)
}

// inMemory returns text as a File.
func inMemory(ctx context.Context, text []byte) (*store.Memory, error) {
	list, err := content.Hash(ctx, bytes.NewReader(text), int64(len(text)), nil)
	if err != nil {
		return nil, err
	}
	file := store.NewMemory(list)
	for i := range list.Len() {
		from := list.Offset(i)
		if err := file.WriteChunk(i, text[from:from+int64(list.ChunkLen(i))]); err != nil {
			return nil, err
		}
	}
	return file, nil
}
