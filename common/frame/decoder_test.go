package frame_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"starmesh/common/fault"
	"starmesh/common/frame"
)

func TestADecoderReadsFieldAfterField(t *testing.T) {
	d := frame.Decoder{Rest: []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x80\x01abc")}
	if d.U8() != 0x01 || d.U16() != 0x0203 || d.U32() != 0x04050607 || d.U64() != 0x08090a0b0c0d0e0f {
		t.Error("a number is another one")
	}
	if d.Uvarint("count", 128) != 128 || string(d.Take(3)) != "abc" || d.End() != nil {
		t.Errorf("the rest: %v", d.Err)
	}
}

func TestTheFirstFaultOfABodySticks(t *testing.T) {
	for what, c := range map[string]struct {
		body string
		read func(d *frame.Decoder)
		want string
	}{
		"cut off":        {"ab", func(d *frame.Decoder) { d.U32() }, "message cut off: 2 bytes missing"},
		"cut off varint": {"\x80", func(d *frame.Decoder) { d.Uvarint("size", 1<<20) }, "message cut off before its size"},
		"too large":      {"\x80\x01", func(d *frame.Decoder) { d.Uvarint("size", 127) }, "size 128 is over the limit"},
		"over 64 bits":   {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", func(d *frame.Decoder) { d.Uvarint("size", 1<<63) }, "message cut off before its size"},
		"too much":       {"abc", func(d *frame.Decoder) { d.U16() }, "1 bytes too many"},
	} {
		d := frame.Decoder{Rest: []byte(c.body)}
		c.read(&d)
		if err := d.End(); !errors.Is(err, fault.Protocol) || err.Error() != c.want {
			t.Errorf("%s: %v", what, err)
		}
		d.Fail(fault.Invalid, "another fault")
		if d.U64() != 0 || d.Uvarint("x", 9) != 0 || len(d.Take(1<<30)) > 64 || d.End().Error() != c.want {
			t.Errorf("%s: after it %v", what, d.Err)
		}
	}
}

// FuzzDecoder: whatever is read in whatever order, nothing panics, and what is
// read is what was there.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0x80, 1, 0xff}, []byte{0, 4, 1, 5, 2, 3})
	f.Fuzz(func(t *testing.T, body, calls []byte) {
		d := frame.Decoder{Rest: body}
		for _, call := range calls {
			rest := d.Rest
			var back []byte
			switch call % 6 {
			case 0:
				back = append(back, d.U8())
			case 1:
				back = binary.BigEndian.AppendUint16(back, d.U16())
			case 2:
				back = binary.BigEndian.AppendUint32(back, d.U32())
			case 3:
				back = binary.BigEndian.AppendUint64(back, d.U64())
			case 4:
				back = append(back, d.Take(int(call))...)
			case 5:
				if v := d.Uvarint("number", uint64(call)<<20); v > uint64(call)<<20 {
					t.Errorf("%d is over the limit", v)
				}
				continue
			}
			if d.Err == nil && string(back) != string(rest[:len(rest)-len(d.Rest)]) {
				t.Errorf("%x was read as %x", rest, back)
			}
		}
		if err := d.End(); err == nil && len(d.Rest) > 0 {
			t.Errorf("%d bytes were left", len(d.Rest))
		}
	})
}
