package content

import "starmesh/common/fault"

// Entry is one file of a collection.
type Entry struct {
	Path string // slash-separated, relative; CheckPath holds
	Size int64  // bytes
	ID   ID
	Mode uint32 // permission bits, 0 … 0o777
}

// EncodeCollection makes the canonical manifest of a folder.
func EncodeCollection(entries []Entry) ([]byte, error) {
	return nil, fault.Wrapf(fault.Internal, "not built yet")
}

// DecodeCollection is the inverse of EncodeCollection.
func DecodeCollection(b []byte) ([]Entry, error) {
	return nil, fault.Wrapf(fault.Internal, "not built yet")
}

// CheckPath is the one rule for every name that comes from a network.
func CheckPath(p string) error {
	return fault.Wrapf(fault.Internal, "not built yet")
}
