package fleet

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode"

	"go.uber.org/goleak"

	"starmesh/common/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a manager that listens.
type bench struct {
	*Roster
	code         Code
	joined, left chan *Member
	refused      chan error
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{code: NewCode(), joined: make(chan *Member, 8), left: make(chan *Member, 8), refused: make(chan error, 8)}
	cfg.Codes = []Code{b.code}
	cfg.Listen, cfg.Program = "127.0.0.1:0", "v2"
	cfg.Joined = func(m *Member) { b.joined <- m }
	cfg.Left = func(m *Member) { b.left <- m }
	cfg.Refused = func(_ net.Addr, why error) { b.refused <- why }
	var err error
	if b.Roster, err = Listen(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

// join joins as name, and returns how the node is welcomed and how it ends.
func (b *bench) join(ctx context.Context, name string, code Code) (<-chan Welcome, <-chan error) {
	welcome, ended := make(chan Welcome, 1), make(chan error, 1)
	j := Joining{
		Manager: b.Addr().String(), Code: code, Hello: Hello{Name: name, Program: "v1", Host: "here"},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" at "+r.URL.Path) }),
		Joined:  func(w Welcome) { welcome <- w },
	}
	go func() { ended <- Join(ctx, j) }()
	return welcome, ended
}

func TestANodeJoinsAndAnswersUntilItIsOver(t *testing.T) {
	b := newBench(t, Config{Nodes: 2})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	welcome, ended := b.join(ctx, "ann", b.code)
	if w := <-welcome; w.Name != "ann" || w.Program != "v2" {
		t.Errorf("welcome %+v", w)
	}
	m := <-b.joined
	if m.Name != "ann" || m.BehindNAT() || m.Host != "here" {
		t.Errorf("%+v", m)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://node/about", nil)
	response, err := m.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(response.Body); string(text) != "ann at /about" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	response.Body.Close()
	m.over()
	if err := <-ended; err != nil {
		t.Errorf("a node whose manager has said that it is over ends with %v", err)
	}
	<-b.left
	if _, err := m.RoundTrip(request); !errors.Is(err, fault.Closed) || err.Error() != "ann has left" {
		t.Errorf("asked when it is gone: %v", err)
	}
}

func TestAManagerThatGoesWithoutAWordIsMissed(t *testing.T) {
	b := newBench(t, Config{Nodes: 1})
	welcome, ended := b.join(t.Context(), "ann", b.code)
	<-welcome
	_ = (<-b.joined).conn.Close()
	if err := <-ended; !errors.Is(err, fault.Closed) || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("%v", err)
	}
}

func TestANodeThatIsStoppedLeaves(t *testing.T) {
	b := newBench(t, Config{Nodes: 1})
	ctx, stop := context.WithCancel(t.Context())
	welcome, ended := b.join(ctx, "ann", b.code)
	<-welcome
	m := <-b.joined
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-m.Gone()
	if gone := <-b.left; gone != m {
		t.Errorf("%+v left", gone)
	}
}

func TestWhoMayNotJoinIsToldWhyAndSoIsTheManager(t *testing.T) {
	b := newBench(t, Config{Nodes: 1, Once: true})
	code := b.code
	refused := func(what string, kind error, text, name string, code Code) {
		t.Helper()
		_, ended := b.join(t.Context(), name, code)
		err, told := <-ended, <-b.refused
		if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) || !strings.Contains(told.Error(), text) {
			t.Errorf("%s: the node hears %v, the manager %v", what, err, told)
		}
	}
	refused("a wrong code", fault.Unauthorized, "the code is not the manager's", "ann", NewCode())
	refused("a name that is a path", fault.Invalid, `"../ann" is no name for a node`, "../ann", code)
	welcome, _ := b.join(t.Context(), "ann", code)
	<-welcome
	refused("a code that was used", fault.Unauthorized, "good for one node", "bob", code)
}

func TestOneNodeTooManyIsRefused(t *testing.T) {
	b := newBench(t, Config{Nodes: 1})
	welcome, _ := b.join(t.Context(), "ann", b.code)
	<-welcome
	_, ended := b.join(t.Context(), "bob", b.code)
	if err := <-ended; !errors.Is(err, fault.Busy) || !strings.Contains(err.Error(), "all 1 nodes") {
		t.Error(err)
	}
}

func TestANameThatIsTakenGetsANumber(t *testing.T) {
	b := newBench(t, Config{Nodes: 4})
	ctx, stop := context.WithCancel(t.Context())
	for i, want := range []string{"ann", "ann-2", "ANN-3"} {
		welcome, _ := b.join(ctx, []string{"ann", "ann", "ANN"}[i], b.code)
		if w := <-welcome; w.Name != want {
			t.Errorf("node %d is called %s, not %s", i, w.Name, want)
		}
		<-b.joined
	}
	stop()
	for range 3 {
		<-b.left
	}
	welcome, _ := b.join(t.Context(), "ann", b.code)
	if w := <-welcome; w.Name != "ann" {
		t.Errorf("a node that comes back is called %s", w.Name)
	}
}

// dial connects to a manager as a stranger who can speak TLS.
func dial(t *testing.T, addr net.Addr) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", addr.String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answer reads the refusal that a stranger gets.
func answer(t *testing.T, conn *tls.Conn) error {
	t.Helper()
	kind, _, text, err := receive(conn)
	var why Refused
	if err != nil || kind != typeRefused || decode(text, &why) != nil {
		t.Fatalf("type %#x, %q, %v", byte(kind), text, err)
	}
	return why.err()
}

// TestAProofIsWorthNothingOnAnotherConnection: whoever has recorded one, or
// sits between node and manager and passes on what they say, gets nowhere.
func TestAProofIsWorthNothingOnAnotherConnection(t *testing.T) {
	b := newBench(t, Config{Nodes: 2})
	first, second := dial(t, b.Addr()), dial(t, b.Addr())
	proof, err := b.code.proof(nodeSide, first)
	if err != nil {
		t.Fatal(err)
	}
	if err := send(second, typeHello, proof, Hello{Protocol: Version, Name: "eve"}); err != nil {
		t.Fatal(err)
	}
	if err := answer(t, second); !errors.Is(err, fault.Unauthorized) {
		t.Error(err)
	}
}

func TestAProofOfTheOtherSideIsNone(t *testing.T) {
	b := newBench(t, Config{Nodes: 2})
	conn := dial(t, b.Addr())
	proof, err := b.code.proof(managerSide, conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := send(conn, typeHello, proof, Hello{Protocol: Version, Name: "eve"}); err != nil {
		t.Fatal(err)
	}
	if err := answer(t, conn); !errors.Is(err, fault.Unauthorized) {
		t.Error(err)
	}
}

func TestAnotherVersionIsSaidAtOnce(t *testing.T) {
	b := newBench(t, Config{Nodes: 2})
	conn := dial(t, b.Addr())
	if err := send(conn, typeHello, make([]byte, proofSize), Hello{Protocol: 9, Name: "new"}); err != nil {
		t.Fatal(err)
	}
	if err := answer(t, conn); !errors.Is(err, fault.Version) || !strings.Contains(err.Error(), "speaks version 9 of the protocol, and the manager 1") {
		t.Error(err)
	}
}

// TestAManagerThatDoesNotKnowTheCodeIsFoundOut: it takes whatever proof it is
// shown, and answers with one of its own making.
func TestAManagerThatDoesNotKnowTheCodeIsFoundOut(t *testing.T) {
	cert, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, shown, _, _ := receive(conn)
		_ = send(conn, typeWelcome, shown, Welcome{Name: "ann"})
		_, _ = io.Copy(io.Discard, conn)
	}()
	err = Join(t.Context(), Joining{Manager: ln.Addr().String(), Code: NewCode(), Hello: Hello{Name: "ann"}, Joined: func(Welcome) {}})
	if !errors.Is(err, fault.Unauthorized) || !strings.Contains(err.Error(), "does not know the code") {
		t.Error(err)
	}
}

func TestStrangersWithoutACodeShutNobodyOut(t *testing.T) {
	b := newBench(t, Config{Nodes: 1})
	var open []net.Conn
	for range 10_000 {
		conn, err := net.Dial("tcp", b.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if open = append(open, conn); len(open) > 2*maxUnproven { // long shut by the other side
			_ = open[0].Close()
			open = open[1:]
		}
	}
	welcome, ended := b.join(t.Context(), "ann", b.code)
	select {
	case <-welcome:
	case err := <-ended:
		t.Fatal(err)
	}
	b.waiting.mu.Lock()
	defer b.waiting.mu.Unlock()
	if n := b.waiting.conns.Len(); n > maxUnproven {
		t.Errorf("%d connections wait, more than %d", n, maxUnproven)
	}
}

func TestWhatIsNoHelloIsDropped(t *testing.T) {
	b := newBench(t, Config{Nodes: 1})
	for what, text := range map[string]string{
		"too long":  "\x7f\xff\xff\xff\x01",
		"cut off":   "\x00\x00\x00\x02\x01ab",
		"a welcome": "\x00\x00\x00\x22\x02" + strings.Repeat("x", proofSize) + "{}",
	} {
		conn := dial(t, b.Addr())
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("%s is answered: %q, %v", what, answer, err)
		}
	}
	conn := dial(t, b.Addr())
	if _, err := conn.Write([]byte("\x00\x00\x00\x22\x01" + strings.Repeat("x", proofSize) + "[}")); err != nil {
		t.Fatal(err)
	}
	if err := answer(t, conn); !errors.Is(err, fault.Protocol) {
		t.Error(err)
	}
}

func TestACodeIsReadAsItIsWritten(t *testing.T) {
	code := NewCode()
	for _, text := range []string{code.String(), " " + strings.ToLower(code.String()) + "\n"} {
		if got, err := ParseCode(text); got != code || err != nil {
			t.Errorf("%v", err)
		}
	}
	for _, text := range []string{"", "x", code.String()[1:], code.String() + "AA", strings.Repeat("1", 26)} {
		if _, err := ParseCode(text); !errors.Is(err, fault.Invalid) || text != "" && len(text) > 1 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestTheExampleInTheDocumentIsTrue holds PROTOCOL.md against the code.
func TestTheExampleInTheDocumentIsTrue(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := send(&wire, typeRefused, nil, Refused{fault.Code(fault.Unauthorized), "no"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("    % x\n", wire.Bytes()),
		fmt.Sprintf("| 0x%02x | HELLO |", byte(typeHello)), fmt.Sprintf("| 0x%02x | WELCOME |", byte(typeWelcome)), fmt.Sprintf("| 0x%02x | REFUSED |", byte(typeRefused)),
		fmt.Sprintf("Version %d.", Version), fmt.Sprintf("%d bytes at the most", maxMessage), fmt.Sprintf("| %d s |", int(proofTime.Seconds())),
		fmt.Sprintf("| %d; one more", maxUnproven), fmt.Sprintf("| %d, of this machine", maxUnprovenAddr), fmt.Sprintf("after %d s of silence", int(pulse.Seconds())),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("PROTOCOL.md does not have %q", want)
		}
	}
}

// FuzzReceive: whatever a stranger sends is a message or an error, and takes no
// more memory than a message may.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x22\x01" + strings.Repeat("x", proofSize) + "{}"))
	f.Add([]byte("\x00\x00\x00\x13\x03" + `{"code":4,"text":"a"}`))
	f.Add([]byte("\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, proof, text, err := receive(strings.NewReader(string(data)))
		if err != nil {
			return
		}
		if len(text) > maxMessage || kind != typeRefused && len(proof) != proofSize {
			t.Errorf("type %#x, a proof of %d bytes and %d more", byte(kind), len(proof), len(text))
		}
		var h Hello
		if decode(text, &h) == nil && h.check() == nil && strings.ContainsAny(h.Name, "/\\\n\x1b ") {
			t.Errorf("%+v is let through", h)
		}
		var why Refused
		if decode(text, &why) == nil && strings.ContainsFunc(why.err().Error(), func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("not fit to be printed: %q", why.err())
		}
		var w Welcome
		if decode(text, &w) == nil && IsName(w.Name) && strings.ContainsAny(w.Name, "/\\\n\x1b ") {
			t.Errorf("%+v is a name", w)
		}
	})
}

// TestWhatIsNoManagerIsCalledThat, and not an internal error.
func TestWhatIsNoManagerIsCalledThat(t *testing.T) {
	cert, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	encrypted := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}}
	const none, busy = "is no manager that waits for nodes; look at the port", "too many join it at the same moment"
	for what, answer := range map[string]struct {
		by   func(net.Conn)
		kind error
		says string
	}{
		"a web server":         {func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, fault.Protocol, none},
		"who hangs up":         {func(net.Conn) {}, fault.Busy, busy},
		"one with a password":  {func(c net.Conn) { _, _ = tls.Server(c, encrypted).Write([]byte("220 who are you\r\n")) }, fault.Protocol, none},
		"who hangs up in time": {func(c net.Conn) { _ = tls.Server(c, encrypted).Handshake() }, fault.Busy, busy},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			if conn, err := ln.Accept(); err == nil {
				answer.by(conn)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}
		}()
		err = Join(t.Context(), Joining{Manager: ln.Addr().String(), Code: NewCode(), Handler: http.NotFoundHandler()})
		if !errors.Is(err, answer.kind) || !strings.Contains(err.Error(), answer.says) {
			t.Errorf("%s: %v", what, err)
		}
		_ = ln.Close()
		<-answered
	}
}
