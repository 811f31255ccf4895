package peer

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"starmesh/common/content"
)

// lines is what a trace has said.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(word string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), word)
}

// speechless links a node that hears questions and never answers with n.
func speechless(t *testing.T, n testNode) {
	t.Helper()
	h := startHost(t, nil)
	heard := make(chan network.Stream, 64)
	h.SetStreamHandler(protoAsk, func(s network.Stream) { heard <- s })
	control := open(t, h.connect(t, n), protoLink)
	if _, err := control.Write(encode(nil, hello{Version: version, Agent: "speechless"})); err != nil {
		t.Fatal(err)
	}
}

func TestNodesThatDoNotAnswerHoldNobodyUp(t *testing.T) {
	t.Parallel()
	file := makeFile(t, 3*chunk)
	asker, knows := startNode(t, nil), startNode(t, nil)
	if _, err := knows.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		speechless(t, asker)
	}
	asker.Meet(knows.host.Where())
	waitFor(t, func() bool { return len(asker.Links()) == 4 })
	began := time.Now()
	list, _, err := asker.ChunkList(testContext(t), file.Chunks().ID())
	if err != nil || list.ID() != file.Chunks().ID() {
		t.Fatal(err)
	}
	if took := time.Since(began); took > askTimeout/2 {
		t.Errorf("one of four answers, after %v", took)
	}
	began = time.Now()
	if all := asker.List(testContext(t)); len(all) != 1 {
		t.Errorf("listed: %+v", all)
	}
	if took := time.Since(began); took > askTimeout/2 {
		t.Errorf("the listing took %v", took)
	}
}

func TestANodeThatDidNotKnowIsAskedAgain(t *testing.T) {
	t.Parallel()
	file := makeFile(t, 3*chunk)
	var said lines
	asker, other := startNode(t, func(c *Config) { c.Trace = &said }), startNode(t, nil)
	asker.Meet(other.host.Where())
	waitFor(t, func() bool { return len(asker.Links()) == 1 })
	found := make(chan content.ChunkList)
	go func() {
		list, _, err := asker.ChunkList(testContext(t), file.Chunks().ID())
		if err != nil {
			t.Error(err)
		}
		found <- list
	}()
	waitFor(t, func() bool { return said.count("PROOF") >= 2 })
	if _, err := other.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	if list := <-found; list.ID() != file.Chunks().ID() {
		t.Error("another list was found")
	}
}
