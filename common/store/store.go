package store

import "starmesh/common/content"

// Attributed is a File that knows what the file has beside its content.
type Attributed interface {
	Attributes() content.Attributes
}

// AttributesOf returns what is known of a file beside its content.
func AttributesOf(file File) (a content.Attributes) {
	if file, ok := file.(Attributed); ok {
		return file.Attributes()
	}
	return a
}

// File is one file at rest, held in part or whole. Memory, Part and Held are
// Files; storetest is the suite that each passes. All methods may be called
// from several goroutines.
type File interface {
	// Chunks is the file's chunk list; it never changes.
	Chunks() content.ChunkList
	// Have is the set of chunks held and verified: the caller's own copy.
	Have() content.Set
	// Grew returns a channel that is closed when Have may have grown since:
	// take it before looking at Have.
	Grew() <-chan struct{}
	// ReadChunk fills p, which must have the chunk's exact length. It fails
	// with fault.NotFound for a chunk that is not held, fault.Invalid for an
	// index or length that can not be, and fault.Changed when the file under
	// it is no longer what it was.
	ReadChunk(i int, p []byte) error
	// WriteChunk verifies p and stores it; p is not kept. Writing a chunk that
	// is held does nothing. It fails with fault.Corrupt, fault.Invalid,
	// fault.NoSpace and, where nothing can be written, fault.ReadOnly.
	WriteChunk(i int, p []byte) error
	// Close frees what the File holds open; what was written stays.
	Close() error
}
