package content

import (
	"encoding/hex"

	"starmesh/common/fault"
)

// ID names a file: its BLAKE3 hash, 32 bytes, as b3sum computes it.
type ID [32]byte

// ParseID reads 64 hex digits. It fails with fault.Invalid.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, fault.Wrapf(fault.Invalid, "%.80q is no file id (64 hex digits, as b3sum prints)", s)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fault.Wrapf(fault.Invalid, "%q is no file id: %w", s, err)
	}
	return id, nil
}

// String returns 64 hex digits, exactly what b3sum prints.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 12 digits, for people; it is not accepted as an id.
func (id ID) Short() string { return id.String()[:12] }

// IsZero reports whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText makes ids hex in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the inverse of MarshalText. It fails with fault.Invalid.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	*id = parsed
	return err
}
