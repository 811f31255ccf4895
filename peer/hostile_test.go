package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"go.uber.org/goleak"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// rogue is a node that speaks the protocol as it likes.
type rogue struct {
	t       *testing.T
	host    testHost
	conn    conn
	control stream
	data    stream
}

// loose connects a rogue with n, when its host has been made ready.
func loose(t *testing.T, n testNode, ready ...func(testHost)) *rogue {
	t.Helper()
	h := startHost(t, nil)
	h.SetStreamHandler(protoData, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) }) // or the first chunk ends the link
	for _, do := range ready {
		do(h)
	}
	r := &rogue{t: t, host: h, conn: h.connect(t, n)}
	r.control, r.data = open(t, r.conn, protoLink), open(t, r.conn, protoData)
	return r
}

// say sends messages on the control stream; that the other side may have hung
// up is part of the game.
func (r *rogue) say(messages ...message) {
	for _, m := range messages {
		_, _ = r.control.Write(encode(nil, m))
	}
}

func (r *rogue) send(t topic, i int, p []byte) {
	_, _ = r.data.Write(append(chunkHeader(nil, t, i, len(p)), p...))
}

// cutOff waits until n has cut the rogue off.
func (r *rogue) cutOff(n testNode) {
	r.t.Helper()
	waitFor(r.t, func() bool {
		n.links.mu.Lock()
		defer n.links.mu.Unlock()
		return n.links.banned[r.host.ID()] != nil
	})
	waitFor(r.t, func() bool { return !r.host.Reached(n.ID()) })
}

func (r *rogue) joins(list content.ChunkList, t topic) {
	r.say(hello{Version: version, Agent: "rogue"}, join{what: typeJoin, Topic: t, ID: list.ID(), Size: list.Size(), Has: content.FullSet(list.Len())})
}

func TestALiarIsCutOffAndTheFileIsRight(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("", func(t *testing.T) {
		file := makeFile(t, 20*chunk)
		taker := startNode(t, nil)
		r := loose(t, taker)
		r.joins(file.Chunks(), 7)
		got := store.NewMemory(file.Chunks())
		done := taker.begin(t, got)
		waitFor(t, func() bool { return taker.shelf.swarm(file.Chunks().ID()) != nil })
		r.say(offer{Topic: 7, Chunk: 3, Sure: true})
		waitFor(t, func() bool {
			return !taker.shelf.swarm(file.Chunks().ID()).take.intake.Wants(3)
		})
		r.send(7, 3, make([]byte, chunk))
		r.cutOff(taker)
		if bad := taker.meter.ChunksBad.Load(); bad != 1 {
			t.Errorf("%d bad chunks counted", bad)
		}
		origin := startNode(t, nil)
		if _, err := origin.Publish("file", file); err != nil {
			t.Fatal(err)
		}
		taker.Meet(origin.host.Where())
		done()
		same(t, got, file)
	})
}

// TestChunksAreCountedByWhatBecameOfThem, as in the star: its test of the same
// name expects the same three numbers.
func TestChunksAreCountedByWhatBecameOfThem(t *testing.T) {
	file := makeFile(t, 3*chunk)
	taker := startNode(t, nil)
	got := store.NewMemory(file.Chunks())
	done := taker.begin(t, got)
	liar := loose(t, taker)
	liar.joins(file.Chunks(), 7)
	awaitMember(liar)
	liar.say(offer{Topic: 7, Chunk: 0, Sure: true})
	liar.send(7, 0, make([]byte, chunk))
	liar.cutOff(taker)
	giver := loose(t, taker)
	giver.joins(file.Chunks(), 7)
	awaitMember(giver)
	for _, i := range []int{0, 0, 1, 2} {
		p := make([]byte, chunk)
		if err := file.ReadChunk(i, p); err != nil {
			t.Fatal(err)
		}
		giver.say(offer{Topic: 7, Chunk: i, Sure: true})
		giver.send(7, i, p)
		waitFor(t, func() bool { return got.Have().Has(i) })
	}
	done()
	same(t, got, file)
	in, again, bad := taker.meter.ChunksIn.Load(), taker.meter.AgainIn.Load(), taker.meter.ChunksBad.Load()
	if in != 3+1 || again != chunk || bad != 1 {
		t.Errorf("3 stored, 1 repeated, 1 corrupt: counted %d in, %d bytes again, %d bad", in, again, bad)
	}
}

func TestAChunkMayOvertakeItsOffer(t *testing.T) {
	file := makeFile(t, 5*chunk)
	taker, origin := startNode(t, nil), startNode(t, nil)
	r := loose(t, taker)
	r.joins(file.Chunks(), 7)
	got := store.NewMemory(file.Chunks())
	done := taker.begin(t, got)
	awaitMember(r)
	p := make([]byte, chunk)
	if err := file.ReadChunk(3, p); err != nil {
		t.Fatal(err)
	}
	r.send(7, 3, p)
	waitFor(t, func() bool { return taker.meter.PayloadIn.Load() == chunk })
	r.say(offer{Topic: 7, Chunk: 3, Sure: true})
	waitFor(t, func() bool { return got.Have().Has(3) })
	if _, err := origin.Publish("file", file); err != nil { // the rest
		t.Fatal(err)
	}
	taker.Meet(origin.host.Where())
	done()
	same(t, got, file)
}

func TestAStallerIsWorkedAround(t *testing.T) {
	file := makeFile(t, 40*chunk)
	taker, origin := startNode(t, nil), startNode(t, nil)
	r := loose(t, taker)
	r.joins(file.Chunks(), 1)
	got := store.NewMemory(file.Chunks())
	done := taker.begin(t, got)
	waitFor(t, func() bool { return taker.shelf.swarm(file.Chunks().ID()) != nil })
	for i := range 20 { // promised, and never sent
		r.say(offer{Topic: 1, Chunk: i, Sure: true})
	}
	waitFor(t, func() bool {
		return taker.shelf.swarm(file.Chunks().ID()).take.has().Count() > 0
	})
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	taker.Meet(origin.host.Where())
	done()
	same(t, got, file)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestWhoBreaksTheGrammarIsCutOff(t *testing.T) {
	file := makeFile(t, 5*chunk)
	list := file.Chunks()
	joined := func(r *rogue) { r.joins(list, 1) }
	tests := map[string]func(r *rogue){
		"no hello":        func(r *rogue) { r.say(leave{Topic: 1}) },
		"hello twice":     func(r *rogue) { joined(r); r.say(hello{Version: version}) },
		"a giant frame":   func(r *rogue) { _, _ = r.control.Write([]byte{0xff, 0xff, 0xff, 0xff, 1}) },
		"garbage":         func(r *rogue) { _, _ = r.control.Write(bytes.Repeat([]byte{0, 0, 0, 2, 0x12, 0xff, 0xff}, 3)) },
		"a cut-off body":  func(r *rogue) { joined(r); _, _ = r.control.Write(frame.Append(nil, typeOffer, nil)) },
		"a chunk outside": func(r *rogue) { joined(r); r.say(offer{Topic: 1, Chunk: 5}) },
		"news outside":    func(r *rogue) { joined(r); r.say(news{what: typeComing, Topic: 1, Chunks: []int{99}}) },
		"another size": func(r *rogue) {
			r.say(hello{Version: version}, join{what: typeJoin, Topic: 1, ID: list.ID(), Size: 1, Has: content.NewSet(1)})
		},
		"a topic twice": func(r *rogue) {
			joined(r)
			r.say(join{what: typeJoin, Topic: 1, ID: list.ID(), Size: list.Size(), Has: content.NewSet(5)})
		},
		"a short chunk": func(r *rogue) { joined(r); awaitMember(r); r.send(1, 0, []byte{1}) },
		"no chunk": func(r *rogue) {
			joined(r)
			awaitMember(r)
			_, _ = r.data.Write(append(encode(nil, leave{Topic: 1}), make([]byte, 20)...))
		},
		"a giant chunk": func(r *rogue) {
			joined(r)
			awaitMember(r)
			_, _ = r.data.Write(binary.BigEndian.AppendUint32(nil, 1<<31))
			_, _ = r.data.Write([]byte{byte(typeChunk), 0, 0, 0, 0, 0, 0, 0, 0})
		},
		"endless files": func(r *rogue) {
			r.say(hello{Version: version})
			for i := range 2 * maxTopics {
				r.say(join{what: typeJoin, Topic: topic(i), ID: content.ID{byte(i), byte(i >> 8)}, Size: 1, Has: content.NewSet(1)})
			}
		},
		"giant files": func(r *rogue) {
			r.say(hello{Version: version})
			for i := range 100 {
				r.say(join{what: typeJoin, Topic: topic(i), ID: content.ID{byte(i)}, Size: content.MaxSize, Has: content.Set{}})
			}
		},
	}
	for name, misbehave := range tests {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, nil)
			if _, err := n.Publish("file", file); err != nil {
				t.Fatal(err)
			}
			r := loose(t, n)
			misbehave(r)
			r.cutOff(n)
			// The others do not notice.
			taker := startNode(t, nil)
			taker.Meet(n.host.Where())
			got := store.NewMemory(list)
			if err := taker.fetch(testContext(t), list, got); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// awaitMember waits until the other side has answered our JOIN.
func awaitMember(r *rogue) {
	r.t.Helper()
	for {
		kind, _, err := frame.Read(r.control, maxJoin, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if kind == typePeers {
			return
		}
	}
}

func TestARogueThatNeverReadsIsGivenUp(t *testing.T) {
	file := makeFile(t, 64*chunk)
	origin := startNode(t, nil)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	r := loose(t, origin)
	r.say(hello{Version: version}, join{what: typeJoin, Topic: 1, ID: file.Chunks().ID(), Size: file.Chunks().Size(), Has: content.NewSet(64)})
	taker := startNode(t, nil)
	taker.Meet(origin.host.Where())
	got := store.NewMemory(file.Chunks())
	if err := taker.fetch(testContext(t), file.Chunks(), got); err != nil {
		t.Fatal(err)
	}
	same(t, got, file)
}

// TestWhoIsCutOffIsToldWhy: the word is on the wire before the connection ends.
func TestWhoIsCutOffIsToldWhy(t *testing.T) {
	n := startNode(t, nil)
	r := loose(t, n)
	r.say(leave{Topic: 1}) // before HELLO
	m, err := decodeFailure(typeBye, r.await(typeBye))
	if err != nil || !errors.Is(m.err(), fault.Protocol) || !strings.Contains(m.Text, "HELLO") {
		t.Errorf("told %+v, %v", m, err)
	}
	r.cutOff(n)
}
