package store

import (
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Memory is a File held in memory, all of it allocated at the start: for
// manifests, tests and small things.
type Memory struct {
	list content.ChunkList

	mu   sync.RWMutex // guards what follows
	data []byte
	have content.Set
	grew growth
}

// NewMemory returns a File for list that holds nothing yet.
func NewMemory(list content.ChunkList) *Memory {
	return &Memory{list: list, data: make([]byte, list.Size()), have: content.NewSet(list.Len())}
}

// Chunks is the file's chunk list.
func (m *Memory) Chunks() content.ChunkList { return m.list }

// Have is the set of chunks held.
func (m *Memory) Have() content.Set {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.have.Clone()
}

// Grew returns a channel that is closed when Have may have grown.
func (m *Memory) Grew() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.grew.wait()
}

// ReadChunk fills p with chunk i.
func (m *Memory) ReadChunk(i int, p []byte) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := checkRead(m.list, m.have.Has(i), i, p); err != nil {
		return err
	}
	copy(p, m.data[m.list.Offset(i):])
	return nil
}

// WriteChunk verifies p and stores it as chunk i.
func (m *Memory) WriteChunk(i int, p []byte) error {
	if err := m.list.Verify(i, p); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.have.Has(i) {
		copy(m.data[m.list.Offset(i):], p)
		m.have.Add(i)
		m.grew.tell()
	}
	return nil
}

// Bytes returns the whole file, not to be changed; it fails with fault.Invalid
// before all of it is held.
func (m *Memory) Bytes() ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.have.Full() {
		return nil, fault.Wrapf(fault.Invalid, "%d of %d chunks are missing", m.list.Len()-m.have.Count(), m.list.Len())
	}
	return m.data, nil
}

// Close does nothing: what was written stays.
func (m *Memory) Close() error { return nil }

// checkRead holds what File.ReadChunk promises of its arguments.
func checkRead(list content.ChunkList, held bool, i int, p []byte) error {
	switch {
	case i < 0 || i >= list.Len():
		return fault.Wrapf(fault.Invalid, "chunk %d of a file with %d", i, list.Len())
	case len(p) != list.ChunkLen(i):
		return fault.Wrapf(fault.Invalid, "room for %d bytes, where chunk %d has %d", len(p), i, list.ChunkLen(i))
	case !held:
		return fault.Wrapf(fault.NotFound, "chunk %d is not held", i)
	}
	return nil
}

// growth tells any number of waiters that there is more. Its owner's lock
// guards it. The zero value is ready for use.
type growth struct{ next chan struct{} }

// wait returns the channel that the next tell closes.
func (g *growth) wait() <-chan struct{} {
	if g.next == nil {
		g.next = make(chan struct{})
	}
	return g.next
}

func (g *growth) tell() {
	if g.next != nil {
		close(g.next)
		g.next = nil
	}
}
