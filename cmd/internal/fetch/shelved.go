package fetch

import (
	"bytes"
	"context"
	"os"

	"starmesh/common/content"
	"starmesh/common/store"
)

// shelved is a finished file that is opened only while a chunk of it is read:
// a folder may have more files than a process may open. Nothing can be written
// to it.
type shelved struct {
	root  *os.Root
	name  string // slash-separated, within root
	list  content.ChunkList
	stamp store.Stamp // as it was when its chunks were computed
}

func newShelved(root *os.Root, name string, list content.ChunkList, stamp store.Stamp) *shelved {
	return &shelved{root: root, name: name, list: list, stamp: stamp}
}

func (f *shelved) open() (*store.Held, error) {
	return store.OpenHeld(f.root, f.name, f.list, f.stamp)
}

// check fails when the file is no longer what it was.
func (f *shelved) check() error {
	held, err := f.open()
	if err != nil {
		return err
	}
	return held.Close()
}

func (f *shelved) List() content.ChunkList { return f.list }
func (f *shelved) Have() content.Set       { return content.FullSet(f.list.Len()) }
func (f *shelved) Grew() <-chan struct{}   { return nil }
func (f *shelved) Close() error            { return nil }

func (f *shelved) ReadChunk(i int, p []byte) error {
	held, err := f.open()
	if err != nil {
		return err
	}
	defer held.Close()
	return held.ReadChunk(i, p)
}

func (f *shelved) WriteChunk(i int, p []byte) error {
	held, err := f.open()
	if err != nil {
		return err
	}
	defer held.Close()
	return held.WriteChunk(i, p)
}

// inMemory gives text as a File.
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
