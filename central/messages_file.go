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
	d := newDecoder(b)
	m.Req, m.ID, m.Name = d.U32(), d.id(), d.name(true)
	return m, d.end("DESCRIBE")
}

// file answers describe; the id is never zero.
type file struct {
	Req   uint32
	Entry store.Entry
}

func (file) kind() frame.Type         { return typeFile }
func (m file) append(b []byte) []byte { return appendEntry(appendReq(b, m.Req), m.Entry) }
func decodeFile(b []byte) (m file, err error) {
	d := newDecoder(b)
	m.Req, m.Entry = d.U32(), d.entry()
	return m, d.end("FILE")
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
	d := newDecoder(b)
	m.Req, m.Done, m.Total = d.U32(), d.size(), d.size()
	return m, d.end("WORKING")
}

// proof asks for a part of a file's chunk list: a hash request (BEP 52).
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
	d := newDecoder(b)
	m.Req, m.ID = d.U32(), d.id()
	m.First, m.Count = d.span(maxValues)
	return m, d.end("PROOF")
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
	d := newDecoder(b)
	m.Req, m.First, m.CVs = d.U32(), d.U32(), d.rest()
	if len(m.CVs)%content.CVSize != 0 {
		d.Fail(fault.Protocol, "VALUES with %d bytes, no multiple of %d", len(m.CVs), content.CVSize)
	}
	return m, d.end("VALUES")
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
	d := newDecoder(b)
	m.Req, m.ID = d.U32(), d.id()
	m.First, m.Count = d.span(maxGet)
	return m, d.end("GET")
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
	d := newDecoder(b)
	m.Req, m.Force, m.Entry = d.U32(), d.boolean(), d.entry()
	return m, d.end("PUT")
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
	d := newDecoder(b)
	m.Req, m.Prefix = d.U32(), d.name(true)
	return m, d.end("WATCH")
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
	d := newDecoder(b)
	m.Req, m.Kind = d.U32(), store.EventKind(d.U8())
	switch m.Kind {
	case store.Appeared, store.Changed, store.Gone:
		m.Entry = d.entry()
	case store.Lost:
	default:
		d.Fail(fault.Protocol, "EVENT of unknown kind %d", m.Kind)
	}
	return m, d.end("EVENT")
}

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
