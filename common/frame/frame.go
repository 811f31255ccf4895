package frame

import (
	"encoding/binary"
	"fmt"
	"io"

	"starmesh/common/fault"
)

// HeaderSize is the length in bytes of what precedes a body:
//
//	+--------+--------+--------+--------+--------+
//	|  length of the body, big endian   |  type  |
//	+--------+--------+--------+--------+--------+
const HeaderSize = 5

// Type tells a body's layout; each protocol has its own table.
type Type byte

// AppendHeader appends the header of a frame whose body has n bytes.
func AppendHeader(b []byte, t Type, n int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	return append(b, byte(t))
}

// Append appends a whole frame.
func Append(b []byte, t Type, body []byte) []byte {
	return append(AppendHeader(b, t, len(body)), body...)
}

// ReadHeader reads a frame's header and checks the body's length against max
// (bytes). It fails with fault.TooLarge, after which the connection is to be
// ended; with io.EOF at the end between two frames; and with
// io.ErrUnexpectedEOF inside a header.
func ReadHeader(r io.Reader, max int) (t Type, n int, err error) {
	var h [HeaderSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, err
	}
	length := binary.BigEndian.Uint32(h[:4])
	if uint64(length) > uint64(max) {
		return Type(h[4]), 0, fault.Wrapf(fault.TooLarge, "a frame of type %#x claims %d bytes; %d are allowed", h[4], length, max)
	}
	return Type(h[4]), int(length), nil
}

// Read reads one frame with a body of at most max bytes into buf, which is
// grown when it is too small, and returns the body: valid until buf is used
// again. Errors are those of ReadHeader and, inside a body,
// io.ErrUnexpectedEOF.
func Read(r io.Reader, max int, buf []byte) (Type, []byte, error) {
	t, n, err := ReadHeader(r, max)
	if err != nil {
		return t, nil, err
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return t, nil, fmt.Errorf("frame of type %#x cut off: %w", byte(t), err)
	}
	return t, buf, nil
}
