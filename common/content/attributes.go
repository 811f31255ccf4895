package content

import (
	"encoding/binary"
	"time"

	"starmesh/common/fault"
)

// Attributes are what a file has beside its content. Not known are a Mode of 0,
// where nobody says otherwise, and the zero time.
type Attributes struct {
	Mode    uint32 // permission bits, 0 … 0o777
	ModTime time.Time
}

const (
	// AttributesSize is how many bytes Append appends.
	AttributesSize = 2 + 8 + 4
	// maxSeconds bounds times, in seconds from 1970 on: far outside of what any
	// disk keeps, and inside of what can be reckoned with.
	maxSeconds = 1 << 55
)

// Append appends permission bits: 2 bytes, modification time: seconds since 1970 in
// 8 and nanoseconds in 4; big endian.
func (a Attributes) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(a.Mode))
	b = binary.BigEndian.AppendUint64(b, uint64(a.ModTime.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(a.ModTime.Nanosecond()))
}

// ParseAttributes reads what Append made, AttributesSize bytes. It fails with
// fault.Invalid for what can not be.
func ParseAttributes(b []byte) (a Attributes, err error) {
	a.Mode = uint32(binary.BigEndian.Uint16(b))
	seconds, nanos := int64(binary.BigEndian.Uint64(b[2:])), binary.BigEndian.Uint32(b[10:])
	if nanos >= 1e9 || seconds < -maxSeconds || seconds > maxSeconds {
		return Attributes{}, impossibleTime
	}
	a.ModTime = time.Unix(seconds, int64(nanos)).UTC()
	return a, a.check()
}

var impossibleTime = fault.Wrapf(fault.Invalid, "an impossible time")

func (a Attributes) check() error {
	if a.Mode > 0o777 {
		return fault.Wrapf(fault.Invalid, "the mode %#o, which is more than permission bits", a.Mode)
	}
	if at := a.ModTime.Unix(); at < -maxSeconds || at > maxSeconds {
		return impossibleTime
	}
	return nil
}
