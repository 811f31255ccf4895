package content

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"starmesh/common/fault"
)

// Entry is one file of a collection.
type Entry struct {
	Path string // slash-separated and relative; CheckPath holds
	Size int64  // bytes
	ID   ID
	Mode uint32 // permission bits, 0 … 0o777
}

const (
	// MaxEntries bounds a collection to a million files.
	MaxEntries = 1_000_000
	// entryFixed is what an entry takes beside its path, in bytes.
	entryFixed = 2 + 8 + len(ID{}) + 2
)

// collectionMagic begins every manifest; its last byte is the version.
var collectionMagic = []byte("starmesh collection\x01")

// EncodeCollection makes the manifest of a folder: the same bytes, and so the
// same id, for the same files in whatever order. entries are not changed. It
// fails with fault.Invalid for what DecodeCollection would refuse, and with
// fault.TooLarge for more than MaxEntries.
//
// All numbers are big endian:
//
//	"starmesh collection", 1 | entries: 4
//	then for each, in the order of a walk through the tree:
//	path length: 2 | path | size: 8 | id: 32 | permission bits: 2
func EncodeCollection(entries []Entry) ([]byte, error) {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return comparePaths(a.Path, b.Path) })
	if err := checkEntries(sorted); err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32(bytes.Clone(collectionMagic), uint32(len(sorted)))
	for _, e := range sorted {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e.Path)))
		b = append(b, e.Path...)
		b = binary.BigEndian.AppendUint64(b, uint64(e.Size))
		b = append(b, e.ID[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(e.Mode))
	}
	return b, nil
}

// DecodeCollection is the inverse of EncodeCollection: what it accepts encodes
// to the same bytes again. It fails with fault.Version for a manifest of
// another version, fault.TooLarge for one of more than MaxEntries, and
// fault.Invalid for anything else that EncodeCollection does not make.
//
// Two paths that differ in case only are two files here; on a disk that does
// not tell them apart the second fails with fault.Exists.
func DecodeCollection(b []byte) ([]Entry, error) {
	rest, err := cutMagic(b)
	if err != nil {
		return nil, err
	}
	if len(rest) < 4 {
		return nil, cutShort
	}
	count := binary.BigEndian.Uint32(rest)
	rest = rest[4:]
	if count > MaxEntries {
		return nil, fault.Wrapf(fault.TooLarge, "a collection of %d files; %d are allowed", count, MaxEntries)
	}
	if int64(count)*int64(entryFixed) > int64(len(rest)) {
		return nil, cutShort
	}
	entries := make([]Entry, count)
	for i := range entries {
		if rest, err = entries[i].decode(rest); err != nil {
			return nil, err
		}
	}
	if len(rest) != 0 {
		return nil, fault.Wrapf(fault.Invalid, "%d bytes follow the end of the collection", len(rest))
	}
	return entries, checkEntries(entries)
}

var cutShort = fault.Wrapf(fault.Invalid, "the collection is cut short")

func cutMagic(b []byte) ([]byte, error) {
	name := len(collectionMagic) - 1
	if len(b) <= name || !bytes.Equal(b[:name], collectionMagic[:name]) {
		return nil, fault.Wrapf(fault.Invalid, "this is no collection")
	}
	if b[name] != collectionMagic[name] {
		return nil, fault.Wrapf(fault.Version, "a collection of version %d; only %d is known here", b[name], collectionMagic[name])
	}
	return b[name+1:], nil
}

func (e *Entry) decode(b []byte) (rest []byte, err error) {
	if len(b) < entryFixed {
		return nil, cutShort
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < entryFixed+n {
		return nil, cutShort
	}
	e.Path, b = string(b[2:2+n]), b[2+n:]
	size := binary.BigEndian.Uint64(b)
	if size > math.MaxInt64 {
		return nil, fault.Wrapf(fault.Invalid, "%q claims a size of %d bytes", e.Path, size)
	}
	e.Size, b = int64(size), b[8:]
	e.ID, b = ID(b[:len(ID{})]), b[len(ID{}):]
	e.Mode = uint32(binary.BigEndian.Uint16(b))
	return b[2:], nil
}

// checkEntries holds what is true of every collection: as many entries as
// allowed, each possible by itself, in strict order, none both a file and a
// folder, and a total size that can be counted.
func checkEntries(sorted []Entry) error {
	if len(sorted) > MaxEntries {
		return fault.Wrapf(fault.TooLarge, "a collection of %d files; %d are allowed", len(sorted), MaxEntries)
	}
	total, before := int64(0), ""
	for i, e := range sorted {
		if err := e.check(); err != nil {
			return err
		}
		if i > 0 && comparePaths(before, e.Path) >= 0 {
			return fault.Wrapf(fault.Invalid, "%q is there twice or out of order", e.Path)
		}
		// In this order what lies in a folder follows the folder at once.
		if i > 0 && strings.HasPrefix(e.Path, before+"/") {
			return fault.Wrapf(fault.Invalid, "%q is a file and a folder", before)
		}
		if total += e.Size; total < 0 {
			return fault.Wrapf(fault.TooLarge, "the sizes of the collection's files add up to more than can be")
		}
		before = e.Path
	}
	return nil
}

func (e Entry) check() error {
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if err := CheckSize(e.Size); err != nil {
		return err
	}
	if e.Mode > 0o777 {
		return fault.Wrapf(fault.Invalid, "%q has the mode %#o, which is more than permission bits", e.Path, e.Mode)
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
