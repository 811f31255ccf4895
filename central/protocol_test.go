package central

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// The document is the contract: what it says in its tables and examples is
// what the code does.

func document(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// section returns the text between the heading that begins with title and the
// next of the same rank.
func section(t *testing.T, title string) string {
	t.Helper()
	_, rest, ok := strings.Cut(document(t), "\n## "+title)
	if !ok {
		t.Fatalf("PROTOCOL.md has no section %q", title)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

func TestDocumentNamesEveryMessageType(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (0x[0-9a-f]{2}) \| ([A-Z]+) \|`).FindAllStringSubmatch(section(t, "5 Messages"), -1)
	documented := map[string]string{}
	for _, r := range rows {
		documented[r[1]] = r[2]
	}
	for code := range 256 {
		hex := fmt.Sprintf("%#02x", code)
		name := typeName(frame.Type(code))
		if name == hex {
			name = ""
		}
		if documented[fmt.Sprintf("0x%02x", code)] != name {
			t.Errorf("type %s is %q in the code and %q in the document", hex, name, documented[fmt.Sprintf("0x%02x", code)])
		}
	}
}

func TestDocumentHasEveryErrorCode(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| ([a-z -]+): `).FindAllStringSubmatch(section(t, "7 Errors"), -1)
	codes := fault.Codes()
	if len(rows) != len(codes) {
		t.Errorf("%d codes in the document, %d in the code", len(rows), len(codes))
	}
	for _, r := range rows {
		if code, _ := strconv.Atoi(r[1]); codes[r[2]] != uint16(code) {
			t.Errorf("%q has code %d in the code and %d in the document", r[2], codes[r[2]], code)
		}
	}
}

func TestDocumentHasTheLimits(t *testing.T) {
	limits := map[string]int64{
		"body of CHUNK, bytes": maxBody, "body of VALUES, bytes": int64(bodyLimit(typeValues)),
		"body of ENTRIES, bytes": maxEntries, "body of any other message, bytes": maxSmall,
		"name, bytes": maxName, "name, elements": content.MaxElements, "element of a name, bytes": content.MaxElement, "other str, bytes": maxText, "entries in one ENTRIES; in one LIST without long lists": maxListLimit,
		"chunks in one PROOF": maxValues, "chunks in one GET": maxGet, "places in MEET or MET": MaxPlaces, "place, bytes": maxPlace,
		"chunks of a file": content.MaxChunks, "size of a file, bytes": content.MaxSize,
	}
	text := section(t, "8 Limits")
	for name, want := range limits {
		if !strings.Contains(text, fmt.Sprintf("| %s | %d |", name, want)) {
			t.Errorf("the document does not say that %q is %d", name, want)
		}
	}
	b := Bounds{}.withDefaults()
	c := ClientConfig{}.withDefaults()
	for _, d := range []time.Duration{b.Handshake, b.Idle, b.Stall, b.Grace, c.Timeout, c.Stall} {
		if !strings.Contains(text, fmt.Sprintf("| %.0f s |", d.Seconds())) {
			t.Errorf("the document does not have the time-out of %v", d)
		}
	}
}

// examples are the messages of section 10, in its order.
func examples() []message {
	id, _ := content.ParseID("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
	entry := store.Entry{Name: "docs/empty.txt", ModTime: time.Unix(1_750_000_000, 0), Mode: 0o644, ID: id}
	return []message{
		hello{Min: 1, Max: 1, Agent: "example/1"},
		welcome{Version: 1, Features: longLists, Auth: true, Idle: 5 * time.Minute, Agent: "starmesh"},
		auth{Req: 1, User: "alice", Password: "secret"},
		ok{Req: 1},
		failure{Req: 7, Code: 5, RetryAfter: 5 * time.Second, Text: "full"},
		bye{Reason: "done"},
		ping{Req: 2, Token: 0x0102030405060708},
		pong{Req: 2, Token: 0x0102030405060708},
		list{Req: 3, Limit: 100, Prefix: "docs", After: "docs/a"},
		entries{Req: 3, Entries: []store.Entry{entry}},
		describe{Req: 4, Name: "docs/empty.txt"},
		file{Req: 4, Entry: entry},
		working{Req: 4, Done: 1 << 20, Total: 1 << 30},
		proof{Req: 5, ID: id, First: 0, Count: 2},
		values{Req: 5, First: 0, CVs: bytes.Repeat([]byte{0xcd}, 64)},
		meet{Req: 10, ID: id, Places: []string{"/ip4/192.0.2.1/tcp/4001"}},
		met{Req: 10, Places: []string{"/ip4/192.0.2.2/tcp/4001", "b"}},
		get{Req: 6, ID: id, First: 16, Count: 4},
		chunkExample{Req: 6, Index: 16, Payload: []byte("hello")},
		put{Req: 8, Force: true, Entry: entry},
		watch{Req: 9, Prefix: "docs"},
		event{Req: 9, Kind: store.Gone, Entry: entry},
	}
}

// chunkExample writes out what appendChunkHead and a file make together.
type chunkExample struct {
	Req, Index uint32
	Payload    []byte
}

func (chunkExample) kind() frame.Type { return typeChunk }
func (m chunkExample) append(b []byte) []byte {
	whole := append(appendChunkHead(nil, m.Req, m.Index, len(m.Payload)), m.Payload...)
	return append(b, whole[frame.HeaderSize:]...)
}

func TestDocumentExamples(t *testing.T) {
	var want strings.Builder
	for _, m := range examples() {
		whole := frame.Append(nil, m.kind(), m.append(nil))
		fmt.Fprintf(&want, "%s\n```\n", typeName(m.kind()))
		for line := range slices.Chunk(whole, 32) {
			fmt.Fprintln(&want, hex.EncodeToString(line))
		}
		fmt.Fprint(&want, "```\n\n")
	}
	_, got, _ := strings.Cut(section(t, "10 Worked examples"), "in hex.\n\n")
	if strings.TrimSpace(got) != strings.TrimSpace(want.String()) {
		t.Errorf("section 10 should read:\n%s", want.String())
	}
}

// TestTheDocumentTellsWhatIsAddedToHTTP: a stranger needs these names.
func TestTheDocumentTellsWhatIsAddedToHTTP(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## 11 ")
	if !ok {
		t.Fatal("there is no section 11")
	}
	for _, name := range []string{"?" + chunksQuery + "`", "`" + chunksType + "`", "`" + workingHeader + ": DONE/TOTAL`"} {
		if !strings.Contains(section, name) {
			t.Errorf("%s is not in it", name)
		}
	}
}
