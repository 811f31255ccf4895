package peer

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
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
	heard := make(chan network.Stream, 64)
	answering(t, n, func(s network.Stream) { heard <- s })
}

// answering links a node with n that answers questions in a way of its own.
func answering(t *testing.T, n testNode, answer func(network.Stream)) {
	t.Helper()
	h := startHost(t, nil)
	h.SetStreamHandler(protoAsk, answer)
	control := open(t, h.connect(t, n), protoLink)
	if _, err := control.Write(encode(nil, hello{Version: version, Agent: "answering"})); err != nil {
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

// told is a server of which others may know where it is.
type told struct {
	drawn
	origin string
}

func (s told) Origin() string { return s.origin }

// TestServersAreToldWhileTheyAreDrawnOn: by who draws on them, whatever others say,
// and nothing of their addresses that may be secret.
func TestServersAreToldWhileTheyAreDrawnOn(t *testing.T) {
	t.Parallel()
	server := newWebServer(t, 4)
	server.turn <- struct{}{} // it gives nothing yet
	id := server.file.Chunks().ID()
	asker, drawer := startNode(t, nil), startNode(t, nil)
	var asked atomic.Int32
	answering(t, asker, func(s network.Stream) { // from before there was the question
		defer s.Close()
		if kind, _, _ := frame.Read(s, maxControl, nil); kind == typeDraws {
			asked.Add(1)
		}
		_, _ = s.Write(encode(nil, failed(typeError, fault.Wrapf(fault.Unknown, "a question"))))
	})
	answering(t, asker, func(s network.Stream) {
		defer s.Close()
		_, _, _ = frame.Read(s, maxControl, nil)
		_, _ = s.Write(encode(nil, servers{[]string{"star://well.example", "https://\x1b[2J"}}))
	})
	asker.Meet(drawer.host.Where())
	fetched := make(chan error)
	go func() {
		fetched <- drawer.Fetch(testContext(t), "x", store.NewMemory(server.file.Chunks()), patient(),
			told{drawn{server, "a"}, "star://192.0.2.1:7070"}, told{drawn{server, "b"}, "star://192.0.2.1:7070"},
			told{drawn{server, "c"}, "https://example.org/f?sig=1"}, drawn{server, "d"})
	}()
	waitFor(t, func() bool { return len(asker.Links()) == 3 && drawer.shelf.swarm(id) != nil })
	waitFor(t, func() bool { return len(drawer.shelf.swarm(id).draw.servers("").All) > 0 })
	listed := []Listed{{Shared: Shared{ID: content.ID{1}}, growing: asker.links.all()}, {Shared: Shared{ID: id}, growing: asker.links.all()}}
	all := asker.Servers(testContext(t), listed)
	if len(all) != 1 || !slices.Equal(all[id], []string{"star://192.0.2.1:7070"}) {
		t.Errorf("told of: %q", all)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("who does not know the question was asked %d times", n)
	}
	<-server.turn
	if err := <-fetched; err != nil {
		t.Fatal(err)
	}
	if all := asker.Servers(testContext(t), listed); len(all[id]) != 0 {
		t.Errorf("afterwards: %q", all)
	}
}

func TestAddressesOfServersAreSchemeHostAndPortAlone(t *testing.T) {
	for _, s := range []string{
		"star://host", "stars://10.0.0.1:7070", "https://example.org:443", "http://[2001:db8::1]:8080", "http://[::1]", "ftp+x.1-y://b\u00fccher_1.example",
		"http://" + strings.Repeat("a", maxServer-7),
	} {
		if m, err := decodeServers(encode(nil, servers{[]string{s}})[frame.HeaderSize:]); err != nil || !slices.Equal(m.All, []string{s}) {
			t.Errorf("%q: %v, %v", s, m, err)
		}
	}
	for _, s := range []string{
		"", "host", "host:80", "://host", "//host", "http://", "http://:80", "HTTP://host", "1http://host", "http:host", "http:///x",
		"http://host/", "http://host/file", "http://host?sig=1", "http://host#x", "http://host:80/f", "http://ann@host", "http://ann:hunter2@host:80",
		"http://host:", "http://host:123456", "http://host:x", "http://host:1:2", "http://host\\x", "http://a b", "http://a%41",
		"http://[::1", "http://::1", "http://[fe80::1%eth0]:80", "http://[host]:80", "http://[::1]x",
		"http://host\n", "http://host\x00", "http://\x1b[2J", "http://ho\u202est", "http://ho\u200bst", "http://host\u009b", "http://\xff", "\x1b]0;x\a://host",
		"http://" + strings.Repeat("a", maxServer-6),
	} {
		if m, err := decodeServers(encode(nil, servers{[]string{"star://host", s}})[frame.HeaderSize:]); err == nil {
			t.Errorf("%q is taken: %q", s, m.All)
		} else if strings.ContainsAny(err.Error(), "\x00\x1b\a\u202e") {
			t.Errorf("%q: not fit to be printed: %q", s, err)
		}
	}
	many := servers{slices.Repeat([]string{"star://host"}, maxServers+1)}
	if _, err := decodeServers(encode(nil, many)[frame.HeaderSize:]); err == nil {
		t.Errorf("%d servers are taken", len(many.All))
	}
	for _, body := range []string{"", "\x02\x0bstar://host", "\x01\x0cstar://host", "\x00x", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if _, err := decodeServers([]byte(body)); err == nil {
			t.Errorf("%q is taken", body)
		}
	}
}
