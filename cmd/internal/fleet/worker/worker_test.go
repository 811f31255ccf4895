package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starmesh/cmd/internal/fleet"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
)

// played, which is no setting of the program's, says to the test program that it is the process of a transfer.
const played = "TEST_TRANSFER"

func TestMain(m *testing.M) {
	if os.Getenv(played) != "" {
		fmt.Println(`{"event":"held"}`)
		_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		fmt.Fprintln(os.Stderr, "ended in good order")
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// newWorker makes a worker that keeps files below keep, if that is not "".
func newWorker(t *testing.T, keep string) *Worker {
	t.Helper()
	t.Setenv(played, "1")
	w, err := New(Config{Program: os.Args[0], Dir: filepath.Join(t.TempDir(), "node"), Keep: keep, MaxBytes: 1 << 40, MaxTime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// usual is a transfer in which nothing is wrong.
func usual() runner.Spec {
	return runner.Spec{Node: "client-1", System: system.Star, File: "model.bin", Bytes: 10, Interval: time.Second, Way: system.Told{Listen: "192.0.2.1:7"}}
}

// asked sends a request, and returns why it is refused.
func asked(w *Worker, method, path, body string) error {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	var why refusal
	if rec.Code == http.StatusOK {
		return nil
	}
	if json.Unmarshal(rec.Body.Bytes(), &why) != nil {
		return fmt.Errorf("%d %s", rec.Code, rec.Body)
	}
	return fault.FromCode(why.Code, why.Text, 0)
}

func TestAManagerThatAsksForWhatIsNotAllowedIsRefused(t *testing.T) {
	w := newWorker(t, "")
	for what, c := range map[string]struct {
		spoil func(*runner.Spec)
		kind  error
		text  string
	}{
		"a program":            {func(s *runner.Spec) { s.System = "sh" }, fault.Invalid, `no system "sh"`},
		"a path for a name":    {func(s *runner.Spec) { s.Node = "../x" }, fault.Invalid, "no name for a node"},
		"a file outside":       {func(s *runner.Spec) { s.File = "../../etc/passwd" }, fault.Invalid, "names no folders"},
		"an absolute file":     {func(s *runner.Spec) { s.File = "/etc/passwd" }, fault.Invalid, "names no folders"},
		"a device":             {func(s *runner.Spec) { s.File = "nul" }, fault.Invalid, "no name for a file"},
		"what is obeyed":       {func(s *runner.Spec) { s.File = "a\x1b[2J" }, fault.Invalid, "no name for a file"},
		"a NUL":                {func(s *runner.Spec) { s.File = "a\x00.png" }, fault.Invalid, "no name for a file"},
		"a flag for a file":    {func(s *runner.Spec) { s.File = "--output=x" }, fault.Invalid, "no name for a file"},
		"no log":               {func(s *runner.Spec) { s.Interval = 0 }, fault.Invalid, "no load log"},
		"what is not done":     {func(s *runner.Spec) { s.Misbehave = "lie" }, fault.Invalid, "cannot misbehave"},
		"an odd rate":          {func(s *runner.Spec) { s.Up = -1 }, fault.Invalid, "is no rate"},
		"a flag for an origin": {func(s *runner.Spec) { s.Way.Listen = "--trace" }, fault.Invalid, "no address of an origin"},
		"a name for an origin": {func(s *runner.Spec) { s.Way.Listen = "intranet:80" }, fault.Invalid, "no address of an origin"},
		"another URL":          {func(s *runner.Spec) { s.Way.HTTP = "file:///etc/" }, fault.Invalid, "no web address"},
		"a flag for a ticket":  {func(s *runner.Spec) { s.Way.Ticket = "--join" }, fault.Invalid, "no ticket"},
		"several tickets":      {func(s *runner.Spec) { s.Way.Ticket = "mesh:a mesh:b" }, fault.Invalid, "no ticket"},
		"a flag for another":   {func(s *runner.Spec) { s.Way.Addresses = []string{"--x"} }, fault.Invalid, "no address of an origin"},
		"too much of it":       {func(s *runner.Spec) { s.Way.Ticket = "mesh:" + strings.Repeat("a", maxWay) }, fault.TooLarge, "are more than"},
		"10 TB":                {func(s *runner.Spec) { s.Bytes = 10e12 }, fault.TooLarge, "more than this node takes (1.0 TiB)"},
		"to keep it":           {func(s *runner.Spec) { s.To = "." }, fault.Refused, "this node keeps no files"},
	} {
		s := usual()
		c.spoil(&s)
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := asked(w, "POST", "/run", string(line)+"\n"); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, line := range []string{"", "{}", "[]\n", `{"node":"a","flags":["--x"]}` + "\n", "{\n"} {
		if err := asked(w, "POST", "/run", line); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestWhatIsPushedStaysBelowTheFolderThatIsAllowed(t *testing.T) {
	keep, outside := t.TempDir(), t.TempDir()
	w := newWorker(t, keep)
	if err := errors.Join(os.Symlink(outside, filepath.Join(keep, "out")), os.Symlink("/etc/passwd", filepath.Join(keep, "model.bin"))); err != nil {
		t.Skip(err)
	}
	for to, origin := range map[string]bool{"../x": false, "/etc": false, "a/../../x": false, "a//b": false, "a/./b": false, "CON": false, "a\x1b[2J": false, "a\x00b": false, `a\..\..`: false, "C:/x": false, strings.Repeat("a/", 100) + "a": false, "out": false, "out/x": false, ".": false, "": false, "a": true} {
		s := usual()
		s.To, s.Origin = to, origin
		line, _ := json.Marshal(s)
		if err := asked(w, "POST", "/run", string(line)+"\n"); !errors.Is(err, fault.Refused) {
			t.Errorf("to %q, origin %v: %v", to, origin, err)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("%v was made outside", left)
	}
}

func TestAFileOfTheOriginIsConfinedAndBounded(t *testing.T) {
	w := newWorker(t, "")
	for path, kind := range map[string]error{
		"/file?name=../x&bytes=1": fault.Invalid, "/file?name=a/b&bytes=1": fault.Invalid, "/file?name=&bytes=1": fault.Invalid,
		"/file?name=x": fault.Invalid, "/file?name=x&bytes=-1": fault.TooLarge, "/file?name=x&bytes=10000000000000": fault.TooLarge,
		"/file?name=x&bytes=2": fault.Changed, "/file?name=x&bytes=4": fault.Changed, "/file?name=x&bytes=3": nil,
	} {
		if err := asked(w, "PUT", path, "abc"); !errors.Is(err, kind) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for body, kind := range map[string]error{
		`{"name":"x","bytes":100,"seed":1}`: nil, `{"name":"x","bytes":10000000000000}`: fault.TooLarge, `{"name":"../x","bytes":1}`: fault.Invalid,
	} {
		if err := asked(w, "POST", "/random", body); !errors.Is(err, kind) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestNothingElseIsAnswered(t *testing.T) {
	w := newWorker(t, "")
	for _, request := range []string{"GET /", "GET /file", "POST /exec", "GET /agent/metrics", "POST /agent/stop", "GET /agent/load", "POST /prove", "GET /log"} {
		method, path, _ := strings.Cut(request, " ")
		if err := asked(w, method, path, `{"key":[]}`); err == nil {
			t.Errorf("%s is answered", request)
		}
	}
}

// joined is a worker at work, as its manager sees it. leave ends the node.
func joined(t *testing.T, w *Worker) (m Remote, leave func()) {
	t.Helper()
	code, came := fleet.NewCode(), make(chan *fleet.Member, 1)
	roster, err := fleet.Listen(t.Context(), fleet.Config{
		Listen: "127.0.0.1:0", Nodes: 1, Codes: []fleet.Code{code}, Joined: func(m *fleet.Member) { came <- m },
		Left: func(*fleet.Member) {}, Refused: func(_ net.Addr, why error) { t.Error(why) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	node, leave := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- roster.Run(ctx) }()
	go func() {
		_ = fleet.Join(node, fleet.Joining{Manager: roster.Addr().String(), Code: code, Hello: fleet.Hello{Name: "a"}, Handler: w, Joined: func(fleet.Welcome) {}})
		ended <- nil
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		<-ended
	})
	return Remote{<-came}, leave
}

func TestATransferIsStartedFollowedAndEnded(t *testing.T) {
	w := newWorker(t, "")
	m, _ := joined(t, w)
	place := &Place{Remote: m}
	for _, kill := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "client-1")
		b, err := place.Spawn(usual(), file)
		if err != nil {
			t.Fatal(err)
		}
		p := runner.Follow("client-1", b)
		if _, err := p.Await(t.Context(), runner.HeldEvent, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := place.Spawn(usual(), file); !errors.Is(err, fault.Busy) {
			t.Errorf("a second transfer: %v", err)
		}
		if err := place.Clear(); !errors.Is(err, fault.Busy) {
			t.Errorf("its folder is removed while it runs: %v", err)
		}
		if kill {
			p.Kill()
		} else {
			p.Stop()
		}
		<-p.Ended()
		said, _ := os.ReadFile(file + ".err")
		if err := p.Err(); (err != nil) != kill || kill != (len(said) == 0) {
			t.Errorf("killed is %v: it ended with %v, and said %q", kill, err, said)
		}
	}
	if err := place.Clear(); err != nil {
		t.Error(err)
	}
}

func TestANodeThatLeavesEndsItsTransferFirst(t *testing.T) {
	w := newWorker(t, "")
	m, leave := joined(t, w)
	place := &Place{Remote: m, Proof: new(Proof)}
	b, err := place.Spawn(usual(), filepath.Join(t.TempDir(), "client-1"))
	if err != nil {
		t.Fatal(err)
	}
	p := runner.Follow("client-1", b)
	leave()
	<-p.Ended()
	if err := p.Err(); !errors.Is(err, fault.Closed) || !strings.Contains(err.Error(), "a has left") {
		t.Errorf("%v", err)
	}
	if <-m.Gone(); !place.Gone() {
		t.Error("it is still there")
	}
	now, err := w.last()
	if err != nil {
		t.Fatal(err)
	}
	<-now.process.Ended()
	if holds, err := place.Holds(t.Context()); holds || err != nil {
		t.Errorf("it holds the file: %v, %v", holds, err)
	}
}

func TestWhoHasAFileProvesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("all of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := Prove(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	again := Proof{Key: first.Key}
	if err := again.Of(t.Context(), path); err != nil || again != *first {
		t.Errorf("the same file and key: %v", err)
	}
	if other, err := Prove(t.Context(), path); err != nil || other.Sum == first.Sum {
		t.Errorf("under another key the proof is the same: %v", err)
	}
}

func TestClockRoomAndReachAreMeasured(t *testing.T) {
	m, _ := joined(t, newWorker(t, ""))
	clock, err := m.Clock(t.Context())
	if err != nil || clock.Offset.Abs() > clock.Error+time.Millisecond {
		t.Errorf("the clock of this machine is %v ahead of itself, give or take %v (%v)", clock.Offset, clock.Error, err)
	}
	if about, err := m.About(t.Context()); err != nil || about.MTU < 1000 {
		t.Errorf("%+v, %v", about, err)
	}
	crew := &Crew{nodes: []Remote{m}}
	if got, err := crew.matrix(t.Context(), crew.nodes, false); err != nil || !got[0][0] {
		t.Errorf("it does not reach itself: %v, %v", got, err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			fmt.Fprintln(conn, "another word")
			conn.Close()
		}
	}()
	var reached []bool
	if err := m.ask(t.Context(), http.MethodPost, "/reach", []Door{{ln.Addr().String(), "the word"}}, &reached); err != nil || len(reached) != 1 || reached[0] {
		t.Errorf("another door was taken for this one: %v, %v", reached, err)
	}
}

// FuzzSpec: whatever a manager sends, nothing in the command line that is made
// of it is a flag but those that are meant, and nothing leads out.
func FuzzSpec(f *testing.F) {
	line, _ := json.Marshal(usual())
	f.Add(string(line))
	f.Add(`{"node":"a","system":"mesh","file":"x","interval_ns":1000000000,"way":{"Ticket":"mesh:x"},"misbehave":"lie"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s runner.Spec
		if read(strings.NewReader(text), &s) != nil || check(&s) != nil {
			return
		}
		how := &system.Named(s.System).Launch
		at := runner.Site{Host: "192.0.2.1", File: "/n/file/" + s.File, Folder: "/n/run/got", Cache: "/n/cache", Identity: "/n/run/key", Log: "/n/log"}
		for _, arg := range s.Args(how, at) {
			if name, isFlag := strings.CutPrefix(arg, "--"); isFlag && !strings.Contains(" listen cache grace node load-log load-interval agent hold up down misbehave retry-for stay no-mdns identity http http-close ", " "+name+" ") {
				t.Errorf("%q became the flag %s", text, arg)
			}
			if strings.Contains(arg, "..") && strings.Contains(arg, "/../") {
				t.Errorf("%q leads out by %s", text, arg)
			}
		}
	})
}

// TestAnAgentIsWaitedFor: the manager reads what a transfer says at the same time
// as its node.
func TestAnAgentIsWaitedFor(t *testing.T) {
	w := newWorker(t, "")
	m, _ := joined(t, w)
	b, err := (&Place{Remote: m}).Spawn(usual(), filepath.Join(t.TempDir(), "client-1"))
	if err != nil {
		t.Fatal(err)
	}
	p := runner.Follow("client-1", b)
	if _, err := p.Await(t.Context(), runner.HeldEvent, nil); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() { asked <- m.ask(t.Context(), http.MethodPost, "/agent/start", nil, nil) }()
	select {
	case err := <-asked:
		t.Errorf("before it has told of an agent: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	p.Stop()
	<-p.Ended()
	if err := <-asked; !errors.Is(err, fault.Closed) {
		t.Errorf("%v", err)
	}
}

func TestALinkIsMeasuredByWhoKnowsTheWord(t *testing.T) {
	m, _ := joined(t, newWorker(t, ""))
	ctx, shut := context.WithCancel(t.Context())
	defer shut()
	door, err := m.open(ctx, "/source")
	if err != nil {
		t.Fatal(err)
	}
	wrong := Door{door.Address, strings.Repeat("A", len(door.Word))}
	for what, c := range map[string]struct {
		door Door
		some bool
	}{"the word": {door, true}, "another": {wrong, false}} {
		var rate float64
		if err := m.ask(ctx, http.MethodPost, "/flow", c.door, &rate); err != nil || rate > 0 != c.some {
			t.Errorf("by %s: %v bytes per second, %v", what, rate, err)
		}
	}
	if err := m.ask(ctx, http.MethodPost, "/flow", Door{Address: "127.0.0.1:1"}, nil); err == nil {
		t.Error("from where nobody is, something came")
	}
}
