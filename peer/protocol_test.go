package peer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/peer/p2phost"
	"starmesh/peer/scheduler"
)

// examples are the messages of PROTOCOL.md §10.
func examples(t testing.TB) map[string]message {
	id, err := content.ParseID("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
	if err != nil {
		t.Fatal(err)
	}
	has := content.NewSet(4)
	has.Add(0)
	has.Add(3)
	at := peer.AddrInfo{ID: decodeID(t, anID), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/203.0.113.7/tcp/4001")}}
	return map[string]message{
		"HELLO version 1, agent starmesh/1, the ticket's address": hello{Version: 1, Agent: "starmesh/1", Addrs: at.Addrs},
		"BYE busy, \"it does not read what it is sent\"":          failed(typeBye, fault.Wrapf(fault.Busy, "it does not read what it is sent")),
		"JOIN":                                join{what: typeJoin, Topic: 5, ID: id, Size: 200_000, Has: has},
		"JOIN with nothing":                   join{what: typeJoin, Topic: 5, ID: id, Size: 200_000, Has: content.NewSet(4)},
		"GATHER: a folder of 4 pieces":        join{what: typeGather, Topic: 5, ID: id, Size: 200_000, Has: has},
		"LEAVE":                               leave{Topic: 5},
		"OFFER chunk 2":                       offer{Topic: 5, Chunk: 2},
		"OFFER chunk 300, first and sure":     offer{Topic: 5, Chunk: 300, First: true, Sure: true},
		"ANSWER chunk 2 accepted":             answer{Topic: 5, Chunk: 2},
		"ANSWER chunk 2 declined":             answer{Topic: 5, Chunk: 2, Verdict: declined},
		"ANSWER chunk 2 not now, wait 250 ms": answer{Topic: 5, Chunk: 2, Verdict: notNow, Wait: 250 * time.Millisecond},
		"COMING chunks 1 and 2, pace 27 ms":   news{what: typeComing, Topic: 5, Each: 27 * time.Millisecond, Chunks: []int{1, 2}},
		"LOST chunk 1":                        news{what: typeLost, Topic: 5, Chunks: []int{1}},
		"PEERS: the ticket's node":            peers{Topic: 5, Places: []peer.AddrInfo{at}},
		"GOT chunk 2":                         got{Topic: 5, Chunk: 2},
		"DRAW: 1 counts 7, 258 counts 300":    draw{Topic: 5, Beats: []scheduler.Beat{{ID: 1, Count: 7}, {ID: 258, Count: 300}}},
		"LIST":                                list{},
		"FILES: one, called a, with 2 chunks held, a folder of 5 GiB": files{[]Shared{{ID: id, Size: 200_000, Name: "a", Held: 2, Folder: true, Total: 5 << 30}}},
		"PROOF from chunk 0":                   proof{ID: id},
		"VALUES of none, the file is called a": values{Size: 200_000, Name: "a"},
		"STAT":                                 enquiry{typeStat, id},
		"DRAWS":                                enquiry{typeDraws, id},
		"SERVERS: two":                         servers{[]string{"star://192.0.2.1:7070", "https://example.org"}},
		"KEPT: mode 0640, 1.5 s after 1970":    kept{content.Attributes{Mode: 0o640, ModTime: time.Unix(1, 5e8).UTC()}},
		"ERROR not found, \"none\"":            failed(typeError, fault.Wrapf(fault.NotFound, "none")),
	}
}

// decode reads any message back.
func decode(t frame.Type, b []byte) (message, error) {
	switch t {
	case typeHello:
		return decodeHello(b)
	case typeBye, typeError:
		return decodeFailure(t, b)
	case typeJoin, typeGather:
		return decodeJoin(t, b)
	case typeLeave:
		return decodeLeave(b)
	case typeOffer:
		return decodeOffer(b)
	case typeAnswer:
		return decodeAnswer(b)
	case typeComing, typeLost:
		return decodeNews(t, b)
	case typePeers:
		return decodePeers(b)
	case typeGot:
		return decodeGot(b)
	case typeDraw:
		return decodeDraw(b)
	case typeList:
		return list{}, nil
	case typeFiles:
		return decodeFiles(b)
	case typeProof:
		return decodeProof(b)
	case typeValues:
		return decodeValues(b)
	case typeStat, typeDraws:
		return decodeEnquiry(t, b)
	case typeServers:
		return decodeServers(b)
	case typeKept:
		return decodeKept(b)
	}
	return nil, fault.Unknown
}

func protocolText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheDocumentsMessagesAreOurs(t *testing.T) {
	text := protocolText(t)
	for name, m := range examples(t) {
		b := encode(nil, m)
		row := "| " + name + " | `" + hex.EncodeToString(b) + "` |"
		if !strings.Contains(text, row) {
			t.Errorf("the document lacks\n%s", row)
		}
		back, err := decode(m.kind(), b[frame.HeaderSize:])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again := encode(nil, back); hex.EncodeToString(again) != hex.EncodeToString(b) {
			t.Errorf("%s is encoded anew as %x", name, again)
		}
		if m.kind() != typeValues && !reflect.DeepEqual(back, m) {
			t.Errorf("%s is decoded as %+v", name, back)
		}
	}
}

func TestTheDocumentHasOurTypesErrorsAndLimits(t *testing.T) {
	text := protocolText(t)
	for _, m := range examples(t) {
		name := typeName(m.kind())
		if !strings.Contains(text, fmt.Sprintf("| %#02x | %s |", byte(m.kind()), name)) &&
			!strings.Contains(text, fmt.Sprintf("| 0x%02x | %s |", byte(m.kind()), name)) {
			t.Errorf("the document lacks type %#x, %s", byte(m.kind()), name)
		}
	}
	for what, code := range fault.Codes() {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | %s", code, what)) {
			t.Errorf("the document lacks code %d, %s", code, what)
		}
	}
	for row, want := range map[string]int{
		"text, bytes": maxText, "addresses of one node in HELLO or PEERS": maxAddrs, "peers in PEERS": maxPeers,
		"chunks in COMING or LOST": maxEach, "nodes in DRAW": scheduler.MaxDrawers, "files in FILES": maxFiles, "servers in SERVERS": maxServers, "address of a server, bytes": maxServer, "chaining values in VALUES": maxValues,
		"body of OFFER, ANSWER and the like, or of a type that is not known, bytes": maxControl,
		"body of JOIN, bytes":                                                bodyLimit(typeJoin),
		"body of PEERS, bytes":                                               bodyLimit(typePeers),
		"body of FILES, bytes":                                               bodyLimit(typeFiles),
		"body of VALUES, bytes":                                              bodyLimit(typeValues),
		"body of CHUNK, bytes":                                               bodyLimit(typeChunk),
		"files that one remote may join":                                     maxTopics,
		"remotes served with one file at a time":                             maxMembers,
		"of them from one address, when there are some from others":          maxCrowd,
		"questions for a place before their time":                            maxImpatient,
		"promises of a giver that has brought nothing yet, before *not now*": scheduler.MaxUnproven,
		"control messages waiting for a remote that does not read, bytes":    maxUnsent,
	} {
		if !strings.Contains(text, "\n| "+row+" | "+strconv.Itoa(want)+" |") {
			t.Errorf("%q is %d in the code, not in the document", row, want)
		}
	}
	for row, want := range map[string]time.Duration{"a question": askTimeout, "longest wait after *not now*; a longer one ends the link": maxWait} {
		if !strings.Contains(text, "\n| "+row+" | "+strconv.Itoa(int(want.Seconds()))+" s |") {
			t.Errorf("%q takes %v in the code, not in the document", row, want)
		}
	}
}

// TestTheLargestMessagesPass: what may be said fits the limit of its message,
// and is taken.
func TestTheDocumentsCollectionIsOurs(t *testing.T) {
	_, section, _ := strings.Cut(protocolText(t), "### A collection")
	parts := strings.Split(section, "```")
	if len(parts) < 3 {
		t.Fatal("there is no example")
	}
	manifest, err := hex.DecodeString(strings.Join(strings.Fields(parts[1]), ""))
	if err != nil {
		t.Fatal(err)
	}
	c, err := content.DecodeCollection(manifest)
	if err != nil {
		t.Fatal(err)
	}
	again, err := content.EncodeCollection(c.Entries())
	if err != nil || !slices.Equal(again, manifest) {
		t.Errorf("it is encoded anew as %x, %v", again, err)
	}
	says := fmt.Sprintf("The manifest's id is `%s`, that of the contents `%s`; they have %d bytes in %d piece.", c.Manifest(), c.ID(), c.Size(), c.Len())
	if !strings.Contains(parts[2], says) {
		t.Errorf("the document lacks\n%s", says)
	}
}

func TestTheDocumentHasTheBatchesOfAnnouncements(t *testing.T) {
	for _, want := range []string{
		fmt.Sprintf("\n| chunks in a batch | %d |", batchChunks),
		fmt.Sprintf("\n| shortest batch | %d ms |", minBatch.Milliseconds()),
		fmt.Sprintf("\n| longest batch | %d s |", int(maxBatch.Seconds())),
	} {
		if !strings.Contains(protocolText(t), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
}

func TestTheLargestMessagesPass(t *testing.T) {
	long := strings.Repeat("a", maxText)
	addr := ma.StringCast("/dns/" + strings.Repeat("a", p2phost.MaxAddrBytes-6) + "/tcp/1")
	if n := len(addr.Bytes()); n != p2phost.MaxAddrBytes {
		t.Fatalf("an address of %d bytes", n)
	}
	many := slices.Repeat([]ma.Multiaddr{addr}, maxAddrs)
	last := []int{content.MaxChunks - 1}
	whole := Shared{Size: content.MaxSize, Name: long, Held: content.MaxChunks, Folder: true, Total: math.MaxInt64 - 1}
	for _, m := range []message{
		hello{Version: version, Agent: long, Addrs: many},
		failed(typeBye, errors.New(long+long)), failed(typeError, errors.New(long+long)),
		join{what: typeJoin, Topic: math.MaxUint32, Size: content.MaxSize, Has: content.FullSet(content.MaxChunks)},
		join{what: typeGather, Topic: math.MaxUint32, Size: content.MaxSize, Has: content.FullSet(content.MaxChunks)},
		news{what: typeComing, Topic: math.MaxUint32, Chunks: slices.Repeat(last, maxEach)},
		news{what: typeLost, Topic: math.MaxUint32, Chunks: slices.Repeat(last, maxEach)},
		peers{Topic: math.MaxUint32, Places: slices.Repeat([]peer.AddrInfo{{ID: decodeID(t, anID), Addrs: many}}, maxPeers)},
		files{slices.Repeat([]Shared{whole}, maxFiles)},
		servers{slices.Repeat([]string{"https://" + strings.Repeat("a", maxServer-8)}, maxServers)},
		values{Size: content.MaxSize, Name: long, CVs: make([]byte, maxValues*content.CVSize)},
	} {
		b := encode(nil, m)[frame.HeaderSize:]
		if limit := bodyLimit(m.kind()); len(b) > limit {
			t.Errorf("%T has %d bytes, %d are allowed", m, len(b), limit)
		}
		if _, err := decode(m.kind(), b); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

func TestATextIsCutBetweenCharacters(t *testing.T) {
	for n := range 5 {
		got := cut(strings.Repeat("x", n) + strings.Repeat("€", maxText))
		if len(got) > maxText || len(got) < maxText-2 || !utf8.ValidString(got) {
			t.Errorf("after %d: cut to %d bytes, valid: %v", n, len(got), utf8.ValidString(got))
		}
	}
}

// FuzzDecode: whatever comes, decoders do not panic, and what they accept is
// encoded to what decodes to the same.
func TestAddressesOfUnknownKindsAreLeftOut(t *testing.T) {
	known := addrsOf("/ip4/203.0.113.7/tcp/4001")
	b := appendText([]byte{version}, "agent")
	b = append(b, 2)
	b = appendText(b, "\xff\xff\x7fof the future")
	b = appendText(b, string(known[0].Bytes()))
	m, err := decodeHello(b)
	if err != nil || len(m.Addrs) != 1 || !m.Addrs[0].Equal(known[0]) {
		t.Errorf("HELLO with an unknown address and a known one: %v, %v", m, err)
	}
	b = append(appendText([]byte{version}, "agent"), 3*maxAddrs)
	for range 3 * maxAddrs {
		b = appendText(b, string(known[0].Bytes()))
	}
	if m, err := decodeHello(b); err != nil || len(m.Addrs) != maxAddrs {
		t.Errorf("HELLO with %d addresses: %d are kept, %v", 3*maxAddrs, len(m.Addrs), err)
	}
	if _, err := decodeHello(append(appendText([]byte{version}, "agent"), 0xff, 0xff, 3, 1)); err == nil {
		t.Error("HELLO may lack the addresses that it counts")
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range examples(f) {
		b := encode(nil, m)
		f.Add(byte(m.kind()), b[frame.HeaderSize:])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		m, err := decode(frame.Type(kind), body)
		if err != nil || m == nil {
			return
		}
		if m, ok := m.(servers); ok && (len(m.All) > maxServers || strings.ContainsFunc(strings.Join(m.All, ""), func(r rune) bool { return !unicode.IsGraphic(r) || strings.ContainsRune("@?# ", r) })) {
			t.Fatalf("%q is taken", m.All)
		}
		once := encode(nil, m)
		again, err := decode(frame.Type(kind), once[frame.HeaderSize:])
		if err != nil {
			t.Fatalf("%x is taken, but not what is made of it: %v", body, err)
		}
		if twice := encode(nil, again); string(twice) != string(once) {
			t.Fatalf("%x became %x", once, twice)
		}
	})
}
