package central

import (
	"encoding/binary"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// describe asks for one file, by name or, with an empty name, by id. While the
// answer needs the file's hash and that is still being made, WORKING comes at
// least every second.
type describe struct {
	Req  uint32
	ID   content.ID
	Name string
}

func (describe) kind() frame.Type { return typeDescribe }
func (m describe) append(b []byte) []byte {
	return appendString(append(appendReq(b, m.Req), m.ID[:]...), m.Name)
}

func decodeDescribe(b []byte) (m describe, err error) {
	f := fields{b: b}
	m.Req, m.ID, m.Name = f.u32(), f.id(), f.name(true)
	return m, f.end("DESCRIBE")
}

// file answers describe; the id is never zero.
type file struct {
	Req   uint32
	Entry store.Entry
}

func (file) kind() frame.Type         { return typeFile }
func (m file) append(b []byte) []byte { return appendEntry(appendReq(b, m.Req), m.Entry) }
func decodeFile(b []byte) (m file, err error) {
	f := fields{b: b}
	m.Req, m.Entry = f.u32(), f.entry()
	return m, f.end("FILE")
}

// working says that a request takes its time: Done of Total bytes are hashed,
// or, during PUT, are at the server.
type working struct {
	Req         uint32
	Done, Total int64
}

func (working) kind() frame.Type { return typeWorking }
func (m working) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(appendReq(b, m.Req), uint64(m.Done))
	return binary.BigEndian.AppendUint64(b, uint64(m.Total))
}

func decodeWorking(b []byte) (m working, err error) {
	f := fields{b: b}
	m.Req, m.Done, m.Total = f.u32(), f.size(), f.size()
	return m, f.end("WORKING")
}

// proof asks for a part of a file's chunk list.
type proof struct {
	Req          uint32
	ID           content.ID
	First, Count uint32 // chunks
}

func (proof) kind() frame.Type { return typeProof }
func (m proof) append(b []byte) []byte {
	return appendRange(append(appendReq(b, m.Req), m.ID[:]...), m.First, m.Count)
}

func decodeProof(b []byte) (m proof, err error) {
	f := fields{b: b}
	m.Req, m.ID = f.u32(), f.id()
	m.First, m.Count = f.span(maxValues)
	return m, f.end("PROOF")
}

// values answers proof: the chaining values of Count chunks from First on.
type values struct {
	Req, First uint32
	CVs        []byte // content.CVSize bytes each
}

func (values) kind() frame.Type { return typeValues }
func (m values) append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(appendReq(b, m.Req), m.First), m.CVs...)
}

func decodeValues(b []byte) (m values, err error) {
	f := fields{b: b}
	m.Req, m.First, m.CVs = f.u32(), f.u32(), f.rest()
	if f.err == nil && len(m.CVs)%content.CVSize != 0 {
		f.err = fault.Wrapf(fault.Protocol, "VALUES with %d bytes, no multiple of %d", len(m.CVs), content.CVSize)
	}
	return m, f.end("VALUES")
}

// get asks for a range of chunks, which come in order, one CHUNK each.
type get struct {
	Req          uint32
	ID           content.ID
	First, Count uint32
}

func (get) kind() frame.Type { return typeGet }
func (m get) append(b []byte) []byte {
	return appendRange(append(appendReq(b, m.Req), m.ID[:]...), m.First, m.Count)
}

func decodeGet(b []byte) (m get, err error) {
	f := fields{b: b}
	m.Req, m.ID = f.u32(), f.id()
	m.First, m.Count = f.span(maxGet)
	return m, f.end("GET")
}

// appendChunkHead appends what precedes the payload of CHUNK: the frame's
// header, the request and the chunk's index. The n bytes of the chunk follow.
func appendChunkHead(b []byte, req, index uint32, n int) []byte {
	b = frame.AppendHeader(b, typeChunk, chunkHead+n)
	return binary.BigEndian.AppendUint32(appendReq(b, req), index)
}

// put offers a file to the server. When it is accepted the roles change: the
// server asks PROOF and GET on this connection, until its OK or ERROR.
type put struct {
	Req   uint32
	Entry store.Entry
	Force bool // replace a file of that name
}

func (put) kind() frame.Type { return typePut }
func (m put) append(b []byte) []byte {
	return appendEntry(appendBool(appendReq(b, m.Req), m.Force), m.Entry)
}

func decodePut(b []byte) (m put, err error) {
	f := fields{b: b}
	m.Req, m.Force, m.Entry = f.u32(), f.boolean(), f.entry()
	return m, f.end("PUT")
}

// watch asks to be told of files that appear, change or go, until the
// connection ends.
type watch struct {
	Req    uint32
	Prefix string
}

func (watch) kind() frame.Type         { return typeWatch }
func (m watch) append(b []byte) []byte { return appendString(appendReq(b, m.Req), m.Prefix) }
func decodeWatch(b []byte) (m watch, err error) {
	f := fields{b: b}
	m.Req, m.Prefix = f.u32(), f.name(true)
	return m, f.end("WATCH")
}

// event tells a watcher; nobody asked for it at that moment.
type event struct {
	Req   uint32 // of the WATCH
	Kind  store.EventKind
	Entry store.Entry // without a name when Kind is Lost
}

func (event) kind() frame.Type { return typeEvent }
func (m event) append(b []byte) []byte {
	b = append(appendReq(b, m.Req), byte(m.Kind))
	if m.Kind == store.Lost {
		return b
	}
	return appendEntry(b, m.Entry)
}

func decodeEvent(b []byte) (m event, err error) {
	f := fields{b: b}
	m.Req, m.Kind = f.u32(), store.EventKind(f.u8())
	switch m.Kind {
	case store.Appeared, store.Changed, store.Gone:
		m.Entry = f.entry()
	case store.Lost:
	default:
		f.err = fault.Wrapf(fault.Protocol, "EVENT of unknown kind %d", m.Kind)
	}
	return m, f.end("EVENT")
}

// fields takes a body apart; the first thing that is wrong sticks in err and
// everything after it reads as zero.
type fields struct {
	b   []byte
	err error
}

func (f *fields) take(n int) []byte {
	if f.err != nil || len(f.b) < n {
		if f.err == nil {
			f.err = fault.Wrapf(fault.Protocol, "message cut off")
		}
		return make([]byte, min(n, 64))
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) u8() byte    { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }
func (f *fields) u64() uint64 { return binary.BigEndian.Uint64(f.take(8)) }

func (f *fields) id() content.ID { return content.ID(f.take(len(content.ID{}))) }

func (f *fields) rest() []byte { return f.take(len(f.b)) }

func (f *fields) boolean() bool {
	v := f.u8()
	if f.err == nil && v > 1 {
		f.err = fault.Wrapf(fault.Protocol, "a yes-or-no field holds %d", v)
	}
	return v == 1
}

// size is a length in bytes of a file.
func (f *fields) size() int64 {
	v := f.u64()
	if f.err == nil && v > uint64(content.MaxSize) {
		f.err = fault.Wrapf(fault.TooLarge, "a size of %d bytes is over the limit of %d", v, content.MaxSize)
	}
	return int64(v)
}

// span is a range of chunks: the first and how many, at least one.
func (f *fields) span(most uint32) (first, count uint32) {
	first, count = f.u32(), f.u32()
	switch {
	case f.err != nil:
	case count == 0 || count > most:
		f.err = fault.Wrapf(fault.Invalid, "a range of %d chunks; 1 to %d are allowed", count, most)
	case uint64(first)+uint64(count) > content.MaxChunks:
		f.err = fault.Wrapf(fault.Invalid, "chunks %d+%d are past the end of any file", first, count)
	}
	return first, count
}

// text is a string for people; its bytes are not trusted to be printable.
func (f *fields) text(most int) string {
	n := int(f.u16())
	if f.err == nil && n > most {
		f.err = fault.Wrapf(fault.TooLarge, "a text of %d bytes; %d are allowed", n, most)
		return ""
	}
	if f.err != nil {
		return ""
	}
	return string(f.take(n))
}

// name is the path of a file, checked by the one rule for names.
func (f *fields) name(mayBeEmpty bool) string {
	s := f.text(maxName)
	if f.err != nil || s == "" && mayBeEmpty {
		return s
	}
	f.err = content.CheckPath(s)
	return s
}

// end reports the first error, or bytes that should not be there.
func (f *fields) end(what string) error {
	if f.err == nil && len(f.b) != 0 {
		f.err = fault.Wrapf(fault.Protocol, "%d bytes too many", len(f.b))
	}
	if f.err == nil {
		return nil
	}
	return fault.Wrapf(kindOf(f.err), "bad %s: %v", what, f.err)
}

func kindOf(err error) error { return fault.FromCode(fault.Code(err), "", 0) }

func appendReq(b []byte, req uint32) []byte { return binary.BigEndian.AppendUint32(b, req) }

func appendRange(b []byte, first, count uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, first), count)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}
