package peer

import (
	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// chunks are what a swarm is about: those of one file, or the pieces of a folder.
type chunks interface {
	ID() content.ID
	Size() int64 // bytes
	Len() int
	ChunkSize() int // of a whole one, in bytes
	ChunkLen(i int) int
}

// atHand is what this node has of them.
type atHand interface {
	chunks() chunks
	Have() content.Set // what can be given
	ReadChunk(i int, p []byte) error
	sink() transfer.Sink
}

// oneFile is a file at hand.
type oneFile struct{ store.File }

func (f oneFile) chunks() chunks      { return f.Chunks() }
func (f oneFile) sink() transfer.Sink { return f.File }

// lentFile is one of a folder at hand.
type lentFile struct{ oneFile }

// contents are those of a folder at hand. A piece may be taken of which this node
// can give nothing, because one of its files has no place here.
type contents struct{ *store.Tree }

func (c contents) chunks() chunks      { return c.Collection() }
func (c contents) sink() transfer.Sink { return lackingOf(c) }

// lackingOf takes what a folder lacks.
type lackingOf struct{ *store.Tree }

// Have is what is not to be taken.
func (l lackingOf) Have() content.Set { return l.Done() }
