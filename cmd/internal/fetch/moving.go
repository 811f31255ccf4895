package fetch

import (
	"sync"

	"starmesh/common/content"
	"starmesh/common/store"
)

// moving is a file that others read while it moves: from the making to its
// place.
type moving struct {
	mu   sync.RWMutex // guards file, while it is read or written too
	file store.File
}

// move goes on with another File of the same content, and closes the one
// before.
func (m *moving) move(to store.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.file.Close() // it is finished: all of it is on the disk
	m.file = to
}

func (m *moving) at() (store.File, func()) {
	m.mu.RLock()
	return m.file, m.mu.RUnlock
}

func (m *moving) Chunks() content.ChunkList {
	file, leave := m.at()
	defer leave()
	return file.Chunks()
}

func (m *moving) Attributes() content.Attributes {
	file, leave := m.at()
	defer leave()
	return store.AttributesOf(file)
}

// SetAttributes is store.Part's, while the file is in the making.
func (m *moving) SetAttributes(a content.Attributes) {
	file, leave := m.at()
	defer leave()
	if part, ok := file.(*store.Part); ok {
		part.SetAttributes(a)
	}
}

func (m *moving) Have() content.Set {
	file, leave := m.at()
	defer leave()
	return file.Have()
}

func (m *moving) Grew() <-chan struct{} {
	file, leave := m.at()
	defer leave()
	return file.Grew()
}

func (m *moving) ReadChunk(i int, p []byte) error {
	file, leave := m.at()
	defer leave()
	return file.ReadChunk(i, p)
}

func (m *moving) WriteChunk(i int, p []byte) error {
	file, leave := m.at()
	defer leave()
	return file.WriteChunk(i, p)
}

func (m *moving) Close() error {
	file, leave := m.at()
	defer leave()
	return file.Close()
}
