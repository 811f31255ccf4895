package content

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"lukechampine.com/blake3"

	"starmesh/common/fault"
)

// Entry is one file of a collection.
type Entry struct {
	Path string // slash-separated and relative; CheckPath holds
	Size int64  // bytes
	ID   ID
	Attributes
	// List is the file's chunk list, of chunks of whatever size up to that of
	// the collection's pieces. A file that is no longer than a piece needs none.
	List ChunkList
}

const (
	// MaxEntries bounds a collection to a million files.
	MaxEntries = 1_000_000
	// entryFixed is what an entry takes beside its path and its chaining
	// values, in bytes.
	entryFixed = 2 + 8 + len(ID{}) + AttributesSize
)

// collectionMagic begins every manifest; its last byte is the version.
var collectionMagic = []byte("starmesh collection\x02")

// EncodeCollection makes the manifest of a folder: the same bytes, and so the
// same id, for the same files in whatever order. entries are not changed. It
// fails with fault.Invalid for what DecodeCollection would refuse, and with
// fault.TooLarge for more than MaxEntries, or than MaxSize bytes in all.
//
// All numbers are big endian, two's complement where they can be negative:
//
//	"starmesh collection", 2 | entries: 4 | piece size: 4
//	then for each, in the order of a walk through the tree:
//	path length: 2 | path | size: 8 | id: 32 | permission bits: 2
//	modification time, seconds since 1970: 8 | nanoseconds: 4
//	and, if it is longer than a piece, a chaining value for every chunk of the
//	piece size: 32 each
//
// The piece size is ChunkSize of what all files have, each content counted once.
func EncodeCollection(entries []Entry) ([]byte, error) {
	if len(entries) > MaxEntries {
		return nil, tooMany(len(entries))
	}
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return comparePaths(a.Path, b.Path) })
	c, err := newCollection(sorted)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32(bytes.Clone(collectionMagic), uint32(len(sorted)))
	b = binary.BigEndian.AppendUint32(b, uint32(c.piece))
	for i, e := range sorted {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e.Path)))
		b = append(b, e.Path...)
		b = binary.BigEndian.AppendUint64(b, uint64(e.Size))
		b = append(b, e.ID[:]...)
		b = e.Attributes.Append(b)
		if list := c.List(i); list.Len() > 1 {
			b = append(b, list.Bytes()...)
		}
	}
	return b, nil
}

// DecodeCollection reads a manifest: what it accepts EncodeCollection makes the
// same bytes of. It fails with fault.Version for one of another version,
// fault.TooLarge for one of more than MaxEntries, and fault.Invalid for anything
// else that EncodeCollection does not make.
//
// Two paths that differ in case only are two files here; on a disk that does
// not tell them apart the second fails with fault.Exists.
func DecodeCollection(b []byte) (*Collection, error) {
	rest, err := cutMagic(b)
	if err != nil {
		return nil, err
	}
	if len(rest) < 8 {
		return nil, cutShort
	}
	count, piece := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
	rest = rest[8:]
	if count > MaxEntries {
		return nil, tooMany(int(count))
	}
	if int64(count)*int64(entryFixed) > int64(len(rest)) {
		return nil, cutShort
	}
	if _, err := CountAt(0, int(piece)); err != nil {
		return nil, err
	}
	entries := make([]Entry, count)
	for i := range entries {
		if rest, err = entries[i].decode(rest, int(piece)); err != nil {
			return nil, err
		}
	}
	if len(rest) != 0 {
		return nil, fault.Wrapf(fault.Invalid, "%d bytes follow the end of the collection", len(rest))
	}
	c, err := newCollection(entries)
	if err != nil {
		return nil, err
	}
	if c.piece != int(piece) {
		return nil, fault.Wrapf(fault.Invalid, "pieces of %d bytes, where %d bytes in all have pieces of %d", piece, c.size, c.piece)
	}
	c.manifest = blake3.Sum256(b)
	c.id = blake3.Sum256(append([]byte("starmesh contents 1"), c.manifest[:]...))
	return c, nil
}

func tooMany(files int) error {
	return fault.Wrapf(fault.TooLarge, "a collection of %d files; %d are allowed", files, MaxEntries)
}

var cutShort = fault.Wrapf(fault.Invalid, "the collection is cut short")

func cutMagic(b []byte) ([]byte, error) {
	name := len(collectionMagic) - 1
	if len(b) <= name || !bytes.Equal(b[:name], collectionMagic[:name]) {
		return nil, fault.Wrapf(fault.Invalid, "this is no collection")
	}
	if b[name] != collectionMagic[name] {
		return nil, fault.Wrapf(fault.Version, "a folder shared by another version of starmesh (its list has version %d, here it is %d): it is to be shared again with this one",
			b[name], collectionMagic[name])
	}
	return b[name+1:], nil
}

func (e *Entry) decode(b []byte, piece int) (rest []byte, err error) {
	if len(b) < entryFixed {
		return nil, cutShort
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < entryFixed+n {
		return nil, cutShort
	}
	e.Path, b = string(b[2:2+n]), b[2+n:]
	size := binary.BigEndian.Uint64(b)
	if size > uint64(MaxSize) {
		return nil, fault.Wrapf(fault.Invalid, "%q claims a size of %d bytes", e.Path, size)
	}
	e.Size, b = int64(size), b[8:]
	e.ID, b = ID(b[:len(ID{})]), b[len(ID{}):]
	if e.Attributes, err = ParseAttributes(b[:AttributesSize]); err != nil {
		return nil, fmt.Errorf("%q has %w", e.Path, err)
	}
	return e.decodeList(b[AttributesSize:], piece)
}

// decodeList reads the chaining values of a file that is longer than a piece.
func (e *Entry) decodeList(b []byte, piece int) (rest []byte, err error) {
	if e.Size <= int64(piece) {
		return b, nil
	}
	n := countOf(e.Size, piece) * CVSize
	if len(b) < n {
		return nil, cutShort
	}
	e.List, err = ChunkListAt(e.Size, piece, bytes.Clone(b[:n]))
	return b[n:], err
}

func (e Entry) check() error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if err := CheckSize(e.Size); err != nil {
		return err
	}
	if err := e.Attributes.check(); err != nil {
		return fmt.Errorf("%q has %w", e.Path, err)
	}
	if e.Size == 0 && e.ID != fold(nil) {
		return fault.Wrapf(fault.Invalid, "%q is empty, and its id is not that of the empty file", e.Path)
	}
	return nil
}

// comparePaths orders paths as a walk through the tree meets them (and as
// fs.WalkDir does): a slash comes before every other character.
func comparePaths(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	switch {
	case n == len(a) || n == len(b):
		return len(a) - len(b)
	case a[n] == '/':
		return -1
	case b[n] == '/':
		return 1
	default:
		return int(a[n]) - int(b[n])
	}
}
