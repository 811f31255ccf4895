package peer

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/readable"
	"starmesh/peer/p2phost"
	"starmesh/peer/scheduler"
)

// Message types. PROTOCOL.md §5 has the same table.
const (
	typeHello   frame.Type = 0x01
	typeBye     frame.Type = 0x02
	typeJoin    frame.Type = 0x10
	typeLeave   frame.Type = 0x11
	typeOffer   frame.Type = 0x12
	typeAnswer  frame.Type = 0x13
	typeComing  frame.Type = 0x14
	typeLost    frame.Type = 0x15
	typePeers   frame.Type = 0x16
	typeGot     frame.Type = 0x17
	typeDraw    frame.Type = 0x18
	typeGather  frame.Type = 0x19
	typeChunk   frame.Type = 0x20
	typeList    frame.Type = 0x30
	typeFiles   frame.Type = 0x31
	typeProof   frame.Type = 0x32
	typeValues  frame.Type = 0x33
	typeStat    frame.Type = 0x34
	typeKept    frame.Type = 0x35
	typeDraws   frame.Type = 0x36
	typeServers frame.Type = 0x37
	typeError   frame.Type = 0x3f
)

// Limits of the protocol, in bytes or entries. PROTOCOL.md §8 has them all.
const (
	maxText    = 1024     // an agent's or a file's name, a reason
	maxAddrs   = 16       // of one node
	maxPeers   = 32       // in one PEERS
	maxEach    = 1024     // chunks in one COMING or LOST
	maxFiles   = 256      // in one FILES
	maxValues  = 8192     // chaining values in one VALUES
	maxServers = 8        // in one SERVERS
	maxServer  = 300      // the address of one
	chunkHead  = 8        // bytes before the payload of CHUNK
	maxControl = 64 << 10 // body of any other message on a link
	maxJoin    = 64 + content.MaxChunks/8
	maxWait    = 10 * time.Second // a giver is asked to hold off at most so long
)

// bodyLimit is the largest body of a message type.
func bodyLimit(t frame.Type) int {
	switch t {
	case typeChunk:
		return chunkHead + content.MaxChunk
	case typeJoin, typeGather:
		return maxJoin
	case typePeers:
		return 64 + maxPeers*(64+maxAddrs*(p2phost.MaxAddrBytes+2))
	case typeValues:
		return 64 + maxText + maxValues*content.CVSize
	case typeFiles:
		return maxFiles * (maxText + 64)
	default:
		return maxControl
	}
}

// version is the only protocol version so far. PROTOCOL.md §9 has the history.
const version = 1

// A message encodes its body; decoders are functions beside each type.
type message interface {
	kind() frame.Type
	append(b []byte) []byte
}

// encode appends a message as a frame.
func encode(b []byte, m message) []byte {
	at := len(b)
	b = frame.AppendHeader(b, m.kind(), 0)
	b = m.append(b)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-frame.HeaderSize))
	return b
}

// topic is the number by which one side of a link speaks of a file, from its
// JOIN on.
type topic uint32

// hello opens a link, from both sides.
type hello struct {
	Version uint64
	Agent   string         // program and version
	Addrs   []ma.Multiaddr // where the sender listens; at most maxAddrs are sent
}

func (hello) kind() frame.Type { return typeHello }

func (m hello) append(b []byte) []byte {
	b = appendText(binary.AppendUvarint(b, m.Version), m.Agent)
	return appendAddrs(b, m.Addrs)
}

func decodeHello(b []byte) (hello, error) {
	d := newDecoder(b)
	m := hello{Version: d.Uvarint("version", 1<<16-1)}
	if m.Version != version {
		return m, d.Err // the rest is of a grammar that is not known
	}
	m.Agent, m.Addrs = d.text("agent"), d.addrs()
	return m, d.end(typeHello)
}

// failure is BYE, which ends a link, and ERROR, which answers a question.
type failure struct {
	last  frame.Type
	Code  uint16
	Text  string
	After time.Duration // trying again may help then
}

func failed(t frame.Type, err error) failure {
	return failure{last: t, Code: fault.Code(err), Text: cut(err.Error()), After: fault.RetryAfter(err)}
}

// cut shortens a text that is too long, between two characters.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (m failure) kind() frame.Type { return m.last }

func (m failure) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Code))
	b = appendText(b, m.Text)
	return binary.AppendUvarint(b, uint64(m.After/time.Millisecond))
}

func (m failure) err() error { return fault.FromCode(m.Code, readable.Text(m.Text), m.After) }

func decodeFailure(t frame.Type, b []byte) (failure, error) {
	d := newDecoder(b)
	m := failure{
		last: t, Code: uint16(d.Uvarint("code", 1<<16-1)), Text: d.text("text"),
		After: time.Duration(d.Uvarint("wait", 1<<32-1)) * time.Millisecond,
	}
	return m, d.end(t)
}

// leave says that the sender has nothing more to do with a file.
type leave struct{ Topic topic }

func (leave) kind() frame.Type         { return typeLeave }
func (m leave) append(b []byte) []byte { return binary.AppendUvarint(b, uint64(m.Topic)) }

func decodeLeave(b []byte) (leave, error) {
	d := newDecoder(b)
	m := leave{Topic: d.topic()}
	return m, d.end(typeLeave)
}

// offer offers one chunk.
type offer struct {
	Topic topic
	Chunk int
	First bool // nobody else has it: pass it on
	Sure  bool // it follows unless it is declined; no answer means accepted
}

func (offer) kind() frame.Type { return typeOffer }

func (m offer) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Topic))
	flags := uint64(0)
	if m.First {
		flags |= 1
	}
	if m.Sure {
		flags |= 2
	}
	return binary.AppendUvarint(b, uint64(m.Chunk)<<2|flags)
}

func decodeOffer(b []byte) (offer, error) {
	d := newDecoder(b)
	m := offer{Topic: d.topic()}
	v := d.Uvarint("chunk", 4*content.MaxChunks-1)
	m.Chunk, m.First, m.Sure = int(v>>2), v&1 != 0, v&2 != 0
	return m, d.end(typeOffer)
}

// verdict is what a taker says to an offer.
type verdict uint64

const (
	accepted verdict = iota
	declined         // it has the chunk, or gets it from somebody else
	notNow           // it can not take it now
)

// answer answers an offer.
type answer struct {
	Topic   topic // the answering side's
	Chunk   int
	Verdict verdict
	Wait    time.Duration // with notNow
}

func (answer) kind() frame.Type { return typeAnswer }

func (m answer) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Topic))
	b = binary.AppendUvarint(b, uint64(m.Chunk)<<2|uint64(m.Verdict))
	if m.Verdict == notNow {
		b = binary.AppendUvarint(b, uint64(min(m.Wait, maxWait)/time.Millisecond))
	}
	return b
}

func decodeAnswer(b []byte) (answer, error) {
	d := newDecoder(b)
	m := answer{Topic: d.topic()}
	v := d.Uvarint("chunk", 4*content.MaxChunks-1)
	m.Chunk, m.Verdict = int(v>>2), verdict(v&3)
	if m.Verdict > notNow {
		d.Fail(fault.Protocol, "verdict %d", m.Verdict)
	}
	if m.Verdict == notNow {
		m.Wait = time.Duration(d.Uvarint("wait", uint64(maxWait/time.Millisecond))) * time.Millisecond
	}
	return m, d.end(typeAnswer)
}

// news is COMING, chunks that the sender is about to get, and LOST, chunks
// that it will not get after all.
type news struct {
	what   frame.Type
	Topic  topic
	Each   time.Duration // COMING: the sender's uplink takes so long for a chunk
	Chunks []int
}

func (m news) kind() frame.Type { return m.what }

func (m news) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Topic))
	b = binary.AppendUvarint(b, uint64(m.Each/time.Microsecond))
	for _, i := range m.Chunks {
		b = binary.AppendUvarint(b, uint64(i))
	}
	return b
}

func decodeNews(t frame.Type, b []byte) (news, error) {
	d := newDecoder(b)
	m := news{what: t, Topic: d.topic(), Each: time.Duration(d.Uvarint("pace", 1<<40-1)) * time.Microsecond}
	for len(d.Rest) > 0 && d.Err == nil {
		if len(m.Chunks) == maxEach {
			d.Fail(fault.Protocol, "more than %d chunks", maxEach)
			break
		}
		m.Chunks = append(m.Chunks, int(d.Uvarint("chunk", content.MaxChunks-1)))
	}
	return m, d.Err
}

// got says that a chunk has arrived, whole. The giver counts on it: so few
// chunks are on their way at a time that words need not wait behind them.
type got struct {
	Topic topic // the taker's
	Chunk int
}

func (got) kind() frame.Type { return typeGot }

func (m got) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Topic))
	return binary.AppendUvarint(b, uint64(m.Chunk))
}

func decodeGot(b []byte) (got, error) {
	d := newDecoder(b)
	m := got{Topic: d.topic(), Chunk: int(d.Uvarint("chunk", content.MaxChunks-1))}
	return m, d.end(typeGot)
}

// draw says which nodes draw on a server that has the file, as far as the sender
// knows.
type draw struct {
	Topic topic
	Beats []scheduler.Beat
}

func (draw) kind() frame.Type { return typeDraw }

func (m draw) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.Topic))
	for _, beat := range m.Beats {
		b = binary.BigEndian.AppendUint64(b, uint64(beat.ID))
		b = binary.AppendUvarint(b, beat.Count)
	}
	return b
}

func decodeDraw(b []byte) (draw, error) {
	d := newDecoder(b)
	m := draw{Topic: d.topic()}
	for len(d.Rest) > 0 && d.Err == nil {
		if len(m.Beats) == scheduler.MaxDrawers {
			d.Fail(fault.Protocol, "more than %d nodes", scheduler.MaxDrawers)
			break
		}
		m.Beats = append(m.Beats, scheduler.Beat{ID: scheduler.ID(d.U64()), Count: d.Uvarint("count", 1<<40-1)})
	}
	return m, d.Err
}

// peers tells of other nodes that have to do with a file.
type peers struct {
	Topic  topic
	Places []peer.AddrInfo
}

func (peers) kind() frame.Type { return typePeers }

func (m peers) append(b []byte) []byte {
	places := m.Places[:min(len(m.Places), maxPeers)]
	b = binary.AppendUvarint(b, uint64(m.Topic))
	b = binary.AppendUvarint(b, uint64(len(places)))
	for _, p := range places {
		b = appendAddrs(appendText(b, string(p.ID)), p.Addrs)
	}
	return b
}

func decodePeers(b []byte) (peers, error) {
	d := newDecoder(b)
	m := peers{Topic: d.topic()}
	for range d.Uvarint("count of peers", maxPeers) {
		m.Places = append(m.Places, d.place())
	}
	return m, d.end(typePeers)
}

// chunkHeader appends what precedes the n bytes of chunk i.
func chunkHeader(b []byte, t topic, i, n int) []byte {
	b = frame.AppendHeader(b, typeChunk, chunkHead+n)
	b = binary.BigEndian.AppendUint32(b, uint32(t))
	return binary.BigEndian.AppendUint32(b, uint32(i))
}

// chunkNames reads what chunkHeader wrote, but for the length.
func chunkNames(head []byte) (t topic, i int) {
	return topic(binary.BigEndian.Uint32(head[frame.HeaderSize:])), int(binary.BigEndian.Uint32(head[frame.HeaderSize+4:]))
}
