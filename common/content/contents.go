package content

import (
	"iter"
	"strings"

	"starmesh/common/fault"
)

// Collection is a folder's files as one thing. Its chunks are pieces: the chunks
// of all its files, each content once, one file after the other in the order of
// the manifest, as many in a piece as have room in it. So a piece holds a chunk
// of a long file, or several small files whole, and every chunk is verified by
// what the manifest says of its file. It is immutable and safe for concurrent
// use.
type Collection struct {
	id, manifest ID
	entries      []Entry
	piece        int   // bytes that have room in a piece
	size         int64 // of all contents, each once
	total        int64 // of all files
	byID         map[ID]int32
	order        []int32 // the entries whose content is in the pieces
	pieces       []piecePlace
}

// piecePlace is where a piece begins, and its length in bytes.
type piecePlace struct {
	at     int32 // in order
	chunk  int32 // of that file
	length int32
}

// newCollection holds what is true of every collection, of entries in the order
// of a walk, and divides it. The ids stay open.
func newCollection(sorted []Entry) (*Collection, error) {
	c := &Collection{entries: sorted, byID: make(map[ID]int32, len(sorted))}
	for i := range sorted {
		before := ""
		if i > 0 {
			before = sorted[i-1].Path
		}
		if err := c.add(i, before); err != nil {
			return nil, err
		}
	}
	c.piece = ChunkSize(c.size)
	return c, c.pack()
}

// add takes in entry i, which follows the path before ("": none).
func (c *Collection) add(i int, before string) error {
	e := c.entries[i]
	if err := e.check(); err != nil {
		return err
	}
	switch {
	case i > 0 && comparePaths(before, e.Path) >= 0:
		return fault.Wrapf(fault.Invalid, "%q is there twice or out of order", e.Path)
	case i > 0 && strings.HasPrefix(e.Path, before+"/"): // in this order it follows the folder at once
		return fault.Wrapf(fault.Invalid, "%q is a file and a folder", before)
	}
	if c.total += e.Size; c.total < 0 {
		return fault.Wrapf(fault.TooLarge, "the sizes of the collection's files add up to more than can be")
	}
	first, again := c.byID[e.ID]
	switch {
	case again && c.entries[first].Size != e.Size:
		return fault.Wrapf(fault.Invalid, "%q and %q have one id and different sizes", c.entries[first].Path, e.Path)
	case again:
		return nil
	}
	c.byID[e.ID] = int32(i)
	if e.Size > 0 {
		c.order = append(c.order, int32(i))
	}
	if c.size += e.Size; c.size > MaxSize {
		return fault.Wrapf(fault.TooLarge, "a collection of more than %d bytes (16 TiB)", MaxSize)
	}
	return nil
}

// pack divides the contents into pieces.
func (c *Collection) pack() error {
	for i := range c.entries {
		if e := &c.entries[i]; e.Size > int64(c.piece) {
			if e.List.ID() != e.ID || e.List.Size() != e.Size || e.List.chunk > c.piece {
				return fault.Wrapf(fault.Invalid, "the chunk list of %q is another file's", e.Path)
			}
			e.List = e.List.Coarser(c.piece)
		}
	}
	var last *piecePlace
	for at, entry := range c.order {
		list := c.List(int(entry))
		for chunk := range list.Len() {
			n := list.ChunkLen(chunk)
			if last == nil || int(last.length)+n > c.piece {
				if len(c.pieces) == MaxChunks {
					return fault.Wrapf(fault.TooLarge, "a collection of more than %d pieces", MaxChunks)
				}
				c.pieces = append(c.pieces, piecePlace{at: int32(at), chunk: int32(chunk)})
				last = &c.pieces[len(c.pieces)-1]
			}
			last.length += int32(n)
		}
	}
	return nil
}

// ID names the contents: the hash of "starmesh contents 1" and the manifest's id.
func (c *Collection) ID() ID { return c.id }

// Manifest is the id of the manifest.
func (c *Collection) Manifest() ID { return c.manifest }

// Entries are the files, in the order of a walk; not to be changed.
func (c *Collection) Entries() []Entry { return c.entries }

// Total is what all files have, in bytes.
func (c *Collection) Total() int64 { return c.total }

// Size is what all pieces have, in bytes: each content counts once.
func (c *Collection) Size() int64 { return c.size }

// Len is the number of pieces.
func (c *Collection) Len() int { return len(c.pieces) }

// ChunkLen is the length of piece i in bytes.
func (c *Collection) ChunkLen(i int) int { return int(c.pieces[i].length) }

// ChunkSize is how many bytes have room in a piece.
func (c *Collection) ChunkSize() int { return c.piece }

// Find returns the first entry with that id.
func (c *Collection) Find(id ID) (entry int, ok bool) {
	i, ok := c.byID[id]
	return int(i), ok
}

// List returns the chunk list of an entry in chunks of the piece size.
func (c *Collection) List(entry int) ChunkList {
	e := &c.entries[entry]
	switch {
	case e.Size > int64(c.piece):
		return e.List
	case e.Size == 0:
		return ChunkList{id: e.ID, chunk: c.piece}
	default:
		return ChunkList{id: e.ID, size: e.Size, chunk: c.piece, cvs: e.ID[:]}
	}
}

// Segment is a chunk of a file in a piece.
type Segment struct {
	Entry int
	Chunk int // of the entry's List
	At    int // where it begins in the piece, in bytes
	Len   int // bytes
}

// Segments goes through what piece i is made of, in order.
func (c *Collection) Segments(i int) iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		p := c.pieces[i]
		for at := 0; at < int(p.length); {
			entry := int(c.order[p.at])
			list := c.List(entry)
			s := Segment{Entry: entry, Chunk: int(p.chunk), At: at, Len: list.ChunkLen(int(p.chunk))}
			if !yield(s) {
				return
			}
			at += s.Len
			if p.chunk++; int(p.chunk) == list.Len() {
				p.at, p.chunk = p.at+1, 0
			}
		}
	}
}
