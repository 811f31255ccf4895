package frame

import (
	"encoding/binary"
	"fmt"

	"starmesh/common/fault"
)

// A Decoder takes a body apart. Every number and length is checked here, once;
// the first thing that is wrong sticks in Err, and everything after it reads as
// zero.
type Decoder struct {
	Rest []byte // not read yet
	Err  error
}

// Fail notes what is wrong, unless something was wrong before.
func (d *Decoder) Fail(kind error, format string, args ...any) {
	if d.Err == nil {
		d.Err = fault.Wrapf(kind, format, args...)
	}
	d.Rest = nil
}

// Take reads n bytes, which belong to the body. After a fault they are zeros,
// and no more of them than a fixed field may have.
func (d *Decoder) Take(n int) []byte {
	const maxFixed = 64
	if d.Err != nil || n > len(d.Rest) {
		d.Fail(fault.Protocol, "message cut off: %d bytes missing", n-len(d.Rest))
		return make([]byte, min(n, maxFixed))
	}
	p := d.Rest[:n]
	d.Rest = d.Rest[n:]
	return p
}

// U8 reads a byte.
func (d *Decoder) U8() byte { return d.Take(1)[0] }

// U16 reads a big-endian number, as U32 and U64 do.
func (d *Decoder) U16() uint16 { return binary.BigEndian.Uint16(d.Take(2)) }

// U32 reads a big-endian number.
func (d *Decoder) U32() uint32 { return binary.BigEndian.Uint32(d.Take(4)) }

// U64 reads a big-endian number.
func (d *Decoder) U64() uint64 { return binary.BigEndian.Uint64(d.Take(8)) }

// Uvarint reads a varint (LEB128) of at most max; what it counts stands in the
// error.
func (d *Decoder) Uvarint(what string, max uint64) uint64 {
	v, n := binary.Uvarint(d.Rest)
	switch {
	case n <= 0:
		d.Fail(fault.Protocol, "message cut off before its %s", what)
		return 0
	case v > max:
		d.Fail(fault.Protocol, "%s %d is over the limit", what, v)
		return 0
	}
	d.Rest = d.Rest[n:]
	return v
}

// End returns the first fault, or one if the body was not read to its end.
func (d *Decoder) End() error {
	if n := len(d.Rest); n > 0 {
		d.Fail(fault.Protocol, "%d bytes too many", n)
	}
	return d.Err
}

// Names are what a protocol calls its types.
type Names map[Type]string

// Of returns the name of a type; of an unknown one its number.
func (n Names) Of(t Type) string {
	if name, ok := n[t]; ok {
		return name
	}
	return fmt.Sprintf("%#02x", byte(t))
}
