package central

import (
	"encoding/binary"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// Message types. PROTOCOL.md §5 has the same table.
const (
	typeHello    frame.Type = 0x01
	typeWelcome  frame.Type = 0x02
	typeAuth     frame.Type = 0x03
	typeOK       frame.Type = 0x04
	typeError    frame.Type = 0x05
	typeBye      frame.Type = 0x06
	typePing     frame.Type = 0x07
	typePong     frame.Type = 0x08
	typeList     frame.Type = 0x10
	typeEntries  frame.Type = 0x11
	typeDescribe frame.Type = 0x12
	typeFile     frame.Type = 0x13
	typeWorking  frame.Type = 0x14
	typeProof    frame.Type = 0x15
	typeValues   frame.Type = 0x16
	typeMeet     frame.Type = 0x17
	typeMet      frame.Type = 0x18
	typeGet      frame.Type = 0x20
	typeChunk    frame.Type = 0x21
	typePut      frame.Type = 0x30
	typeWatch    frame.Type = 0x40
	typeEvent    frame.Type = 0x41
)

// Limits of the protocol, in bytes or entries. PROTOCOL.md §8 has them all.
const (
	maxName      = 4096
	maxText      = 1024
	maxSmall     = 16 << 10          // body of a request, or of a short answer
	maxEntries   = 256 << 10         // body of ENTRIES
	maxValues    = 32 << 10          // chaining values in one VALUES
	maxGet       = 256               // chunks in one GET
	maxListLimit = 1000              // entries in one ENTRIES
	maxPage      = maxEntries - 8192 // a page is closed when it grows past this
	chunkHead    = 8                 // bytes before the payload in CHUNK
	maxBody      = chunkHead + content.MaxChunk
)

// bodyLimit is the largest body of a message type.
func bodyLimit(t frame.Type) int {
	switch t {
	case typeChunk:
		return maxBody
	case typeValues:
		return chunkHead + maxValues*content.CVSize
	case typeEntries:
		return maxEntries
	default:
		return maxSmall
	}
}

// longLists is the feature of a server that answers a LIST for more than
// maxListLimit entries, with several ENTRIES.
const longLists = 1

// magic opens every connection, so that a stranger who dialled the wrong port
// is known at once.
const magic = "STAR"

// version is the only protocol version so far. PROTOCOL.md §9 has the history.
const version = 1

// message is one struct per message type; decode… functions are their inverse
// and the only place where a field from the network is checked.
type message interface {
	kind() frame.Type
	append(b []byte) []byte
}

// hello is the first message on a connection, from the client.
type hello struct {
	Min, Max byte // protocol versions spoken
	Features uint32
	Agent    string // program and version, for logs
}

func (hello) kind() frame.Type { return typeHello }
func (m hello) append(b []byte) []byte {
	b = append(append(b, magic...), m.Min, m.Max)
	return appendString(binary.BigEndian.AppendUint32(b, m.Features), m.Agent)
}

func decodeHello(b []byte) (m hello, err error) {
	d := newDecoder(b)
	if string(d.Take(len(magic))) != magic {
		return m, fault.Wrapf(fault.Protocol, "the connection does not begin with %q: not a starmesh client", magic)
	}
	m.Min, m.Max, m.Features, m.Agent = d.U8(), d.U8(), d.U32(), d.text(maxText)
	return m, d.end("HELLO")
}

// welcome answers hello.
type welcome struct {
	Version  byte
	Features uint32
	Auth     bool          // AUTH must come next
	Idle     time.Duration // a connection silent for longer is closed; sent in seconds
	Agent    string
}

func (welcome) kind() frame.Type { return typeWelcome }
func (m welcome) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, m.Version), m.Features)
	b = binary.BigEndian.AppendUint32(appendBool(b, m.Auth), uint32(m.Idle/time.Second))
	return appendString(b, m.Agent)
}

func decodeWelcome(b []byte) (m welcome, err error) {
	d := newDecoder(b)
	m.Version, m.Features, m.Auth = d.U8(), d.U32(), d.boolean()
	m.Idle, m.Agent = time.Duration(d.U32())*time.Second, d.text(maxText)
	return m, d.end("WELCOME")
}

// auth names the user; only on a connection that no third party can read.
type auth struct {
	Req            uint32
	User, Password string
}

func (auth) kind() frame.Type { return typeAuth }
func (m auth) append(b []byte) []byte {
	return appendString(appendString(appendReq(b, m.Req), m.User), m.Password)
}

func decodeAuth(b []byte) (m auth, err error) {
	d := newDecoder(b)
	m.Req, m.User, m.Password = d.U32(), d.text(maxText), d.text(maxText)
	return m, d.end("AUTH")
}

// ok ends a request that has no other answer.
type ok struct{ Req uint32 }

func (ok) kind() frame.Type         { return typeOK }
func (m ok) append(b []byte) []byte { return appendReq(b, m.Req) }
func decodeOK(b []byte) (m ok, err error) {
	d := newDecoder(b)
	m.Req = d.U32()
	return m, d.end("OK")
}

// failure ends a request that could not be met, or, with request 0, the
// connection.
type failure struct {
	Req        uint32
	Code       uint16 // of common/fault
	RetryAfter time.Duration
	Text       string
}

func (failure) kind() frame.Type { return typeError }
func (m failure) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(appendReq(b, m.Req), m.Code)
	b = binary.BigEndian.AppendUint32(b, uint32(m.RetryAfter/time.Millisecond))
	return appendString(b, m.Text)
}

func decodeFailure(b []byte) (m failure, err error) {
	d := newDecoder(b)
	m.Req, m.Code = d.U32(), d.U16()
	m.RetryAfter, m.Text = time.Duration(d.U32())*time.Millisecond, d.text(maxText)
	return m, d.end("ERROR")
}

// err returns the failure as an error for which errors.Is holds.
func (m failure) err() error { return fault.FromCode(m.Code, readable.Text(m.Text), m.RetryAfter) }

// failureOf makes the message that tells the other side of err.
func failureOf(req uint32, err error) failure {
	text := err.Error()
	if len(text) > maxText {
		text = text[:maxText]
	}
	return failure{Req: req, Code: fault.Code(err), RetryAfter: fault.RetryAfter(err), Text: text}
}

// bye says that the sender will close: it has no more requests, or, from a
// server, will answer no more.
type bye struct{ Reason string }

func (bye) kind() frame.Type         { return typeBye }
func (m bye) append(b []byte) []byte { return appendString(b, m.Reason) }
func decodeBye(b []byte) (m bye, err error) {
	d := newDecoder(b)
	m.Reason = d.text(maxText)
	return m, d.end("BYE")
}

// ping asks for a pong with the same token.
type ping struct {
	Req   uint32
	Token uint64
}

func (ping) kind() frame.Type { return typePing }
func (m ping) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(appendReq(b, m.Req), m.Token)
}

func decodePing(b []byte) (m ping, err error) {
	d := newDecoder(b)
	m.Req, m.Token = d.U32(), d.U64()
	return m, d.end("PING")
}

type pong struct {
	Req   uint32
	Token uint64
}

func (pong) kind() frame.Type { return typePong }
func (m pong) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(appendReq(b, m.Req), m.Token)
}

func decodePong(b []byte) (m pong, err error) {
	d := newDecoder(b)
	m.Req, m.Token = d.U32(), d.U64()
	return m, d.end("PONG")
}

// list asks for one page of the files under a prefix.
type list struct {
	Req    uint32
	Limit  uint16 // entries at most
	Prefix string // a folder or a file; "" is everything
	After  string // the last name of the page before
}

func (list) kind() frame.Type { return typeList }
func (m list) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(appendReq(b, m.Req), m.Limit)
	return appendString(appendString(b, m.Prefix), m.After)
}

func decodeList(b []byte) (m list, err error) {
	d := newDecoder(b)
	m.Req, m.Limit = d.U32(), d.U16()
	m.Prefix, m.After = d.name(true), d.name(true)
	if m.Limit == 0 {
		d.Fail(fault.Invalid, "LIST asks for no entries")
	}
	return m, d.end("LIST")
}

// isLong reports whether several ENTRIES answer it.
func (m list) isLong() bool { return m.Limit > maxListLimit }

// entries answers list.
type entries struct {
	Req     uint32
	More    bool // there are names after the last one here
	Entries []store.Entry
}

func (entries) kind() frame.Type { return typeEntries }
func (m entries) append(b []byte) []byte {
	b = appendBool(appendReq(b, m.Req), m.More)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Entries)))
	for _, e := range m.Entries {
		b = appendEntry(b, e)
	}
	return b
}

func decodeEntries(b []byte) (m entries, err error) {
	d := newDecoder(b)
	m.Req, m.More = d.U32(), d.boolean()
	for n := d.U16(); n > 0 && d.Err == nil; n-- {
		m.Entries = append(m.Entries, d.entry())
	}
	return m, d.end("ENTRIES")
}

// entrySize is the length in bytes of an encoded entry.
func entrySize(e store.Entry) int { return 8 + 8 + 4 + len(e.ID) + 2 + len(e.Name) }

func appendEntry(b []byte, e store.Entry) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(e.ModTime.UnixNano()))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Mode.Perm()))
	return appendString(append(b, e.ID[:]...), e.Name)
}
