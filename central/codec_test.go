package central

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// decoders are all that a message from the network may meet.
var decoders = map[frame.Type]func(b []byte) (message, error){
	typeHello: decodes(decodeHello), typeWelcome: decodes(decodeWelcome), typeAuth: decodes(decodeAuth),
	typeOK: decodes(decodeOK), typeError: decodes(decodeFailure), typeBye: decodes(decodeBye),
	typePing: decodes(decodePing), typePong: decodes(decodePong),
	typeList: decodes(decodeList), typeEntries: decodes(decodeEntries),
	typeDescribe: decodes(decodeDescribe), typeFile: decodes(decodeFile), typeWorking: decodes(decodeWorking),
	typeProof: decodes(decodeProof), typeValues: decodes(decodeValues), typeGet: decodes(decodeGet),
	typeMeet: decodes(decodeMeet), typeMet: decodes(decodeMet),
	typePut: decodes(decodePut), typeWatch: decodes(decodeWatch), typeEvent: decodes(decodeEvent),
}

func decodes[M message](decode func([]byte) (M, error)) func([]byte) (message, error) {
	return func(b []byte) (message, error) { return decode(b) }
}

var (
	someID    = content.ID{0: 0xa1, 1: 0xb2, 30: 0xc3, 31: 0xd4}
	someEntry = store.Entry{Name: "Bücher/λ.txt", Size: 1<<40 + 7, ModTime: time.Unix(0, 1_750_000_000_123_456_789), Mode: 0o640, ID: someID}
	otherOne  = store.Entry{Name: "z", ModTime: time.Unix(0, -1), Mode: 0}
)

const entryLayout = "u64 size, u64 modified (ns since 1970), u32 mode, id id, str name"

// wire has one message of each type, with the layout of its body: what
// PROTOCOL.md §5 says, in the order in which it travels.
var wire = []struct {
	m      message
	layout string
}{
	{hello{Min: 1, Max: 3, Features: 0x80000001, Agent: "starmesh/1.2"}, "magic STAR, u8 least version, u8 greatest version, u32 features, str program"},
	{welcome{Version: 1, Features: 2, Auth: true, Idle: 300 * time.Second, Agent: "srv"}, "u8 version, u32 features, u8 AUTH must follow, u32 idle time-out (s), str program"},
	{auth{Req: 1, User: "alice", Password: "pässword"}, "u32 request, str user, str password"},
	{ok{Req: math.MaxUint32}, "u32 request"},
	{failure{Req: 7, Code: 5, RetryAfter: 5250 * time.Millisecond, Text: "full"}, "u32 request, u16 code, u32 retry after (ms), str text"},
	{bye{Reason: "the server stops"}, "str reason"},
	{ping{Req: 2, Token: 0x0123456789abcdef}, "u32 request, u64 token"},
	{pong{Req: 2, Token: 0x0123456789abcdef}, "u32 request, u64 token"},
	{list{Req: 3, Limit: 1000, Prefix: "Bücher", After: "Bücher/a"}, "u32 request, u16 entries at most, str prefix, str after"},
	{entries{Req: 3, More: true, Entries: []store.Entry{someEntry, otherOne}}, "u32 request, u8 more, u16 entries, " + entryLayout + ", " + entryLayout},
	{describe{Req: 4, ID: someID, Name: "Bücher/λ.txt"}, "u32 request, id id, str name"},
	{file{Req: 4, Entry: someEntry}, "u32 request, " + entryLayout},
	{working{Req: 4, Done: 1 << 20, Total: content.MaxSize}, "u32 request, u64 done, u64 in all"},
	{proof{Req: 5, ID: someID, First: 65536, Count: 32768}, "u32 request, id id, u32 first chunk, u32 count"},
	{values{Req: 5, First: 65536, CVs: bytes.Repeat([]byte{0xcd}, 2*content.CVSize)}, "u32 request, u32 first chunk, id value, id value"},
	{meet{Req: 10, ID: someID, Places: []string{"mesh:a", "mesh:b"}}, "u32 request, id id, u8 places, str place, str place"},
	{met{Req: 10, Places: []string{"mesh:c"}}, "u32 request, u8 places, str place"},
	{get{Req: 6, ID: someID, First: 16, Count: 256}, "u32 request, id id, u32 first chunk, u32 count"},
	{chunkExample{Req: 6, Index: 16, Payload: []byte("hello")}, "u32 request, u32 chunk, rest payload"},
	{put{Req: 8, Force: true, Entry: someEntry}, "u32 request, u8 replace, " + entryLayout},
	{watch{Req: 9, Prefix: "Bücher"}, "u32 request, str prefix"},
	{event{Req: 9, Kind: store.Changed, Entry: someEntry}, "u32 request, u8 kind, " + entryLayout},
}

func TestGoldenHasEveryMessageType(t *testing.T) {
	seen := map[frame.Type]bool{}
	for _, w := range wire {
		seen[w.m.kind()] = true
	}
	for code := range 256 {
		kind := frame.Type(code)
		known := typeName(kind) != fmt.Sprintf("%#02x", code)
		if known != seen[kind] || known != (decoders[kind] != nil || kind == typeChunk) {
			t.Errorf("%s: named %v, in the golden files %v, has a decoder %v", typeName(kind), known, seen[kind], decoders[kind] != nil)
		}
	}
}

// TestGolden holds the bytes on the wire to testdata/wire: they may not change
// within a protocol version.
func TestGolden(t *testing.T) {
	for _, w := range wire {
		name := strings.ToLower(typeName(w.m.kind()))
		file := filepath.Join("testdata", "wire", name+".hex")
		body := w.m.append(nil)
		if *update {
			if err := os.WriteFile(file, golden(t, w.m, w.layout), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want := readGolden(t, file)
		if got := frame.Append(nil, w.m.kind(), body); !bytes.Equal(got, want) {
			t.Errorf("%s is sent as\n%x, not\n%x", name, got, want)
		}
		if decode := decoders[w.m.kind()]; decode != nil {
			if m, err := decode(want[frame.HeaderSize:]); err != nil || !reflect.DeepEqual(m, w.m) {
				t.Errorf("%s is read as\n%+v (%v), not\n%+v", file, m, err, w.m)
			}
		}
	}
}

// golden writes a message out, a line for each field.
func golden(t *testing.T, m message, layout string) []byte {
	t.Helper()
	body := m.append(nil)
	var out bytes.Buffer
	line := func(b []byte, what string) { fmt.Fprintf(&out, "%-64s # %s\n", hex.EncodeToString(b), what) }
	header := frame.AppendHeader(nil, m.kind(), len(body))
	line(header[:4], "length of the body")
	line(header[4:], "type "+typeName(m.kind()))
	for field := range strings.SplitSeq(layout, ", ") {
		kind, name, _ := strings.Cut(field, " ")
		n := map[string]int{"u8": 1, "u16": 2, "u32": 4, "u64": 8, "magic": 4, "id": 32, "rest": len(body)}[kind]
		if kind == "str" {
			n = 2 + int(binary.BigEndian.Uint16(body))
		}
		if n == 0 || n > len(body) {
			t.Fatalf("%T: no %q where only %x is left", m, field, body)
		}
		line(body[:n], name)
		body = body[n:]
	}
	if len(body) != 0 {
		t.Fatalf("%T: %x is in no field", m, body)
	}
	return out.Bytes()
}

func readGolden(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for line := range strings.Lines(string(text)) {
		digits, _, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.TrimSpace(digits))
		if err != nil {
			t.Fatalf("%s: %q: %v", file, line, err)
		}
		all = append(all, b...)
	}
	return all
}

// corners are messages at the edges of what is allowed.
func corners() []message {
	longName := strings.Repeat(strings.Repeat("n", 255)+"/", 15) + strings.Repeat("n", 256-2) // 4094 bytes
	long := store.Entry{Name: longName, Size: content.MaxSize, ModTime: time.Unix(0, math.MaxInt64), Mode: 0o777, ID: someID}
	text := strings.Repeat("t", maxText)
	all := []message{
		hello{}, hello{Min: 255, Max: 0, Features: math.MaxUint32, Agent: text},
		welcome{}, welcome{Version: 255, Idle: math.MaxUint32 * time.Second, Agent: text},
		auth{}, auth{User: text, Password: text},
		ok{}, failure{}, failure{Code: math.MaxUint16, RetryAfter: math.MaxUint32 * time.Millisecond, Text: text},
		bye{}, bye{Reason: "\x00\xff\x1b[31m"}, ping{}, pong{},
		list{Limit: 1}, list{Limit: maxListLimit, Prefix: longName, After: longName},
		entries{}, entries{More: true}, entries{Entries: []store.Entry{long, otherOne}},
		describe{}, describe{Name: longName}, file{Entry: long},
		working{}, working{Done: content.MaxSize, Total: 0},
		proof{Count: 1}, proof{First: content.MaxChunks - maxValues, Count: maxValues},
		values{CVs: []byte{}}, values{First: math.MaxUint32, CVs: make([]byte, maxValues*content.CVSize)},
		get{Count: 1}, get{First: content.MaxChunks - 1, Count: 1}, get{Count: maxGet},
		put{Entry: long}, put{Force: true, Entry: otherOne},
		watch{}, watch{Prefix: longName},
		event{Kind: store.Lost}, event{Kind: store.Gone, Entry: long}, event{Kind: store.Appeared, Entry: otherOne},
	}
	for _, w := range wire {
		if w.m.kind() != typeChunk {
			all = append(all, w.m)
		}
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	for _, m := range corners() {
		body := m.append(nil)
		if n := len(body); n > bodyLimit(m.kind()) {
			t.Errorf("%.200v: %d bytes do not fit the type's limit of %d", m, n, bodyLimit(m.kind()))
		}
		back, err := decoders[m.kind()](body)
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s: %.300v came back as %.300v, %v", typeName(m.kind()), m, back, err)
		}
	}
}

func TestACutOrStretchedBodyBreaksTheGrammar(t *testing.T) {
	for _, m := range corners() {
		body := m.append(nil)
		if len(body) > 2000 && m.kind() == typeValues {
			continue // half a list is a list
		}
		for n := range len(body) {
			if m.kind() == typeValues && (n-8)%content.CVSize == 0 {
				continue
			}
			if _, err := decoders[m.kind()](body[:n]); !errors.Is(err, fault.Protocol) {
				t.Errorf("%s cut to %d of %d bytes: %v", typeName(m.kind()), n, len(body), err)
				break
			}
		}
		if _, err := decoders[m.kind()](append(body, 0)); !errors.Is(err, fault.Protocol) {
			t.Errorf("%s with a byte too many: %v", typeName(m.kind()), err)
		}
	}
}

// TestAppendAddsToWhatIsThere: messages are written behind a frame's header.
func TestAppendAddsToWhatIsThere(t *testing.T) {
	for _, m := range corners() {
		if got := m.append([]byte("front")); string(got) != "front"+string(m.append(nil)) {
			t.Errorf("%s overwrote what was there", typeName(m.kind()))
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	for _, w := range wire {
		decode := decoders[w.m.kind()]
		if decode == nil {
			continue
		}
		b.Run(typeName(w.m.kind()), func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = w.m.append(buf[:0])
				if _, err := decode(buf); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}
