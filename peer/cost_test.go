package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/frame"
)

// What a stranger's word costs is what it names: see central/cost_test.go.

// strangersLink is the link of n with one that says nothing by itself.
func strangersLink(t *testing.T, n pipedNode) *link {
	near, far := net.Pipe()
	l, _ := newLink(n.life.ctx, n.Node, newPipedConn("stranger", nil, "origin", nil), piped{near})
	t.Cleanup(func() {
		l.fail(errors.New("over"))
		_ = far.Close()
	})
	return l
}

// TestAQuestionCostsWhatItNames counts allocations, beside those of a question that
// is not known.
func TestAQuestionCostsWhatItNames(t *testing.T) {
	n := startNode(t, nil)
	file := makeFile(t, 2000*content.MinChunk)
	if _, err := n.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	whole := makeFolder(t, 300)
	if _, err := n.PublishFolder("folder", whole.manifest, whole.Tree); err != nil {
		t.Fatal(err)
	}
	id, inFolder := file.Chunks().ID(), whole.Collection().Entries()[7].ID
	if _, err := n.lend(t.Context(), inFolder); err != nil { // once
		t.Fatal(err)
	}
	cost := func(kind frame.Type, body []byte) float64 {
		return testing.AllocsPerRun(50, func() { _, _ = n.answerTo(t.Context(), "somebody", kind, body) })
	}
	plain := cost(0x3a, nil)
	for _, row := range []struct {
		what string
		kind frame.Type
		body []byte
	}{
		{"LIST", typeList, nil},
		{"PROOF", typeProof, proof{ID: id}.append(nil)},
		{"PROOF behind the end", typeProof, proof{ID: id, From: content.MaxChunks}.append(nil)},
		{"PROOF of a file of a folder", typeProof, proof{ID: inFolder}.append(nil)},
		{"PROOF of the contents of a folder", typeProof, proof{ID: whole.Collection().ID()}.append(nil)},
		{"PROOF, unknown", typeProof, proof{}.append(nil)},
		{"STAT", typeStat, id[:]},
		{"STAT of a file of a folder", typeStat, inFolder[:]},
		{"STAT, unknown", typeStat, make([]byte, 32)},
		{"DRAWS", typeDraws, id[:]},
		{"much of nothing", typeDraws, make([]byte, maxControl)},
	} {
		got := cost(row.kind, row.body)
		t.Logf("%-36s %3.0f allocations", row.what, got)
		if got > 10*plain {
			t.Errorf("%s takes %.0f allocations, a plain question %.0f", row.what, got, plain)
		}
	}
}

// countingTellers counts how often others are looked up.
type countingTellers struct {
	nowhere
	asked *int
}

func (c countingTellers) Tellable(peer.ID, []peer.ID) []peer.AddrInfo {
	*c.asked++
	return nil
}

// TestWhoJoinsAgainAndAgainIsNotToldForEver: a JOIN is 40 bytes, and to look up where
// 48 others are takes a millisecond.
func TestWhoJoinsAgainAndAgainIsNotToldForEver(t *testing.T) {
	asked := 0
	n := startPiped(t, "origin", nil)
	defer n.stop()
	n.around = countingTellers{asked: &asked}
	file := makeFile(t, 10*chunk)
	s, err := n.share("file", oneFile{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := strangersLink(t, n)
	said := s.join(1, content.NewSet(s.list.Len()))
	for range 3 * maxTopics {
		if err := errors.Join(l.joined(said), l.leaves(leave{Topic: 1})); err != nil {
			t.Fatal(err)
		}
		l.out.mu.Lock()
		l.out.buf = l.out.buf[:0] // it reads
		l.out.mu.Unlock()
	}
	if asked < maxTopics || asked > 2*maxTopics {
		t.Errorf("others were looked up %d times", asked)
	}
}

// TestNothingIsHashedForWhoHasGone: when its turn comes.
func TestNothingIsHashedForWhoHasGone(t *testing.T) {
	n := startNode(t, nil)
	whole := makeFolder(t, 30)
	if _, err := n.PublishFolder("folder", whole.manifest, whole.Tree); err != nil {
		t.Fatal(err)
	}
	id := whole.Collection().Entries()[15].ID
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.lend(gone, id); !errors.Is(err, context.Canceled) || n.shelf.swarm(id) != nil {
		t.Errorf("%v, and it is shared: %v", err, n.shelf.swarm(id) != nil)
	}
	if _, err := n.lend(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// TestAWordCostsLittle counts what a link's control messages take that mean nothing.
func TestAWordCostsLittle(t *testing.T) {
	n := startPiped(t, "origin", nil)
	defer n.stop()
	file := makeFile(t, 2000*content.MinChunk)
	s, err := n.share("file", oneFile{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := strangersLink(t, n)
	if err := l.joined(s.join(1, content.NewSet(s.list.Len()))); err != nil {
		t.Fatal(err)
	}
	many := []byte{1, 0}
	for i := range maxEach {
		many = binary.AppendUvarint(many, uint64(i))
	}
	for _, row := range []struct {
		what string
		kind frame.Type
		body []byte
		most float64
	}{
		{"of no topic", typeOffer, offer{Topic: 9}.append(nil), 5},
		{"not known", 0x1f, make([]byte, maxControl), 5},
		{"an answer to nothing", typeAnswer, answer{Topic: 1, Chunk: 7}.append(nil), 10},
		{"a receipt of nothing", typeGot, got{Topic: 1, Chunk: 7}.append(nil), 10},
		{"an offer of what is here", typeOffer, offer{Topic: 1, Chunk: 7}.append(nil), 10},
		{"lost, what never came", typeLost, news{what: typeLost, Topic: 1, Chunks: []int{3}}.append(nil), 10},
		{"lost, a thousand", typeLost, many, 50},
	} {
		got := testing.AllocsPerRun(50, func() {
			if err := l.handle(row.kind, row.body); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%-28s %3.0f allocations", row.what, got)
		if got > row.most {
			t.Errorf("%s takes %.0f allocations", row.what, got)
		}
	}
}
