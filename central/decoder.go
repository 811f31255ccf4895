package central

import (
	"fmt"
	"io/fs"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// decoder reads a message's body, whose numbers are big-endian. It is the only
// place where a field from the network is checked.
type decoder struct{ frame.Decoder }

func newDecoder(body []byte) *decoder { return &decoder{frame.Decoder{Rest: body}} }

func (d *decoder) id() content.ID { return content.ID(d.Take(len(content.ID{}))) }

func (d *decoder) rest() []byte { return d.Take(len(d.Rest)) }

func (d *decoder) boolean() bool {
	v := d.U8()
	if v > 1 {
		d.Fail(fault.Protocol, "a yes-or-no field holds %d", v)
	}
	return v == 1
}

// size is a length in bytes of a file.
func (d *decoder) size() int64 {
	v := d.U64()
	if v > uint64(content.MaxSize) {
		d.Fail(fault.TooLarge, "a size of %d bytes is over the limit of %d", v, content.MaxSize)
	}
	return int64(v)
}

// span is a range of chunks: the first and how many, at least one.
func (d *decoder) span(limit uint32) (first, count uint32) {
	first, count = d.U32(), d.U32()
	switch {
	case count == 0 || count > limit:
		d.Fail(fault.Invalid, "a range of %d chunks; 1 to %d are allowed", count, limit)
	case uint64(first)+uint64(count) > content.MaxChunks:
		d.Fail(fault.Invalid, "chunks %d+%d are past the end of any file", first, count)
	}
	return first, count
}

// text is a string for people; its bytes are not trusted to be printable.
func (d *decoder) text(limit int) string {
	n := int(d.U16())
	if n > limit {
		d.Fail(fault.TooLarge, "a text of %d bytes; %d are allowed", n, limit)
	}
	if p := d.Take(n); d.Err == nil {
		return string(p)
	}
	return ""
}

// name is the path of a file, checked by the one rule for names.
func (d *decoder) name(mayBeEmpty bool) string {
	s := d.text(maxName)
	if d.Err == nil && (s != "" || !mayBeEmpty) {
		d.Err = content.CheckPath(s)
	}
	return s
}

// entry is a file as the server has it.
func (d *decoder) entry() store.Entry {
	return store.Entry{
		Size: d.size(), ModTime: time.Unix(0, int64(d.U64())), Mode: d.mode(), ID: d.id(), Name: d.name(false),
	}
}

func (d *decoder) mode() fs.FileMode {
	mode := fs.FileMode(d.U32())
	if mode&^fs.ModePerm != 0 {
		d.Fail(fault.Invalid, "file mode %#o has more than permission bits", uint32(mode))
	}
	return mode
}

// end returns the first fault, or one if the body was not read to its end.
func (d *decoder) end(what string) error {
	if err := d.End(); err != nil {
		return fmt.Errorf("bad %s: %w", what, err)
	}
	return nil
}
