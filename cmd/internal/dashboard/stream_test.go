package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/agent/agenttest"
	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// serve shows a hub for the time of a test and gives its address and what ends
// it.
func serve(t *testing.T, cfg dashboard.Config) (addr string, end func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end = agenttest.Serve(t, ln, func(ctx context.Context, ln net.Listener) error { return dashboard.Serve(ctx, ln, cfg) })
	return ln.Addr().String(), end
}

// message is one message of a stream.
type message struct{ id, event, data string }

// stream is a browser that watches.
type stream struct {
	response *http.Response
	lines    *bufio.Scanner
}

// watch opens a stream, and closes it when the test ends.
func watch(t *testing.T, addr, query, lastID string) *stream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	s := &stream{response, bufio.NewScanner(response.Body)}
	s.lines.Buffer(nil, 1<<20)
	return s
}

// next returns the next message; false at the end.
func (s *stream) next() (message, bool) {
	var m message
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch {
		case name == "id":
			m.id = value
		case name == "event":
			m.event = value
		case name == "data":
			m.data = value
		case s.lines.Text() == "" && m.data != "":
			return m, true
		}
	}
	return m, false
}

// hello reads the first message.
func (s *stream) hello(t *testing.T) string {
	t.Helper()
	m, ok := s.next()
	if !ok || m.event != "hello" {
		t.Fatalf("the stream begins with %+v", m)
	}
	return m.data
}

func note(text string) labdir.Event {
	return labdir.Event{Run: "star-1-1", Note: &labdir.Note{Text: text}}
}

// text reads the note in the next message.
func (s *stream) text(t *testing.T) (text, id string) {
	t.Helper()
	m, ok := s.next()
	if !ok {
		t.Fatal("the stream has ended")
	}
	var e labdir.Event
	if err := json.Unmarshal([]byte(m.data), &e); err != nil || e.Note == nil {
		t.Fatalf("message %+v: %v", m, err)
	}
	return e.Note.Text, m.id
}

func TestABrowserThatComesLateIsToldThePast(t *testing.T) {
	hub := dashboard.NewHub()
	hub.Event(note("one"))
	hub.Event(note("two"))
	addr, end := serve(t, dashboard.Config{Hub: hub, Live: true})
	s := watch(t, addr, "", "")
	if hello := s.hello(t); !strings.Contains(hello, `"live":true,"control":false,"thinned":false`) {
		t.Errorf("hello: %s", hello)
	}
	for _, want := range []string{"one", "two"} {
		if got, _ := s.text(t); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	hub.Event(note("three"))
	got, id := s.text(t)
	if got != "three" {
		t.Errorf("told %q as it happens", got)
	}
	for name, back := range map[string]*stream{
		"header": watch(t, addr, "", strings.TrimSuffix(id, "3")+"2"), "query": watch(t, addr, "?after="+strings.TrimSuffix(id, "3")+"2", ""),
	} {
		back.hello(t)
		if got, _ := back.text(t); got != "three" {
			t.Errorf("%s: one that comes back is told %q first", name, got)
		}
	}
	stranger := watch(t, addr, "", "another-7")
	stranger.hello(t)
	if got, _ := stranger.text(t); got != "one" {
		t.Errorf("one that saw another lab is told %q first", got)
	}
	hub.Event(note("four"))
	end()
	if got, _ := s.text(t); got != "four" {
		t.Errorf("told %q at the end", got)
	}
	if m, ok := s.next(); !ok || m.event != "finished" {
		t.Errorf("the end is told as %+v", m)
	}
	if m, more := s.next(); more {
		t.Errorf("after the end: %+v", m)
	}
}

func TestAReplayIsToldAtOnce(t *testing.T) {
	hub := dashboard.NewHub()
	for i := range 3000 {
		hub.Event(note(fmt.Sprint(i)))
	}
	addr, _ := serve(t, dashboard.Config{Hub: hub})
	s := watch(t, addr, "", "")
	s.hello(t)
	for i := range 3000 {
		if got, _ := s.text(t); got != fmt.Sprint(i) {
			t.Fatalf("event %d is %q", i, got)
		}
	}
	if m, _ := s.next(); m.event != "finished" {
		t.Errorf("the end is told as %+v", m)
	}
}

func TestOneBrowserTooManyIsToldSo(t *testing.T) {
	addr, end := serve(t, dashboard.Config{Hub: dashboard.NewHub(), Live: true})
	for range dashboard.MaxStreams {
		watch(t, addr, "", "").hello(t)
	}
	s := watch(t, addr, "", "")
	body, _ := io.ReadAll(s.response.Body)
	if s.response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "watching already") {
		t.Errorf("%s %s", s.response.Status, body)
	}
	end()
}

func TestABrowserThatDoesNotReadIsLetGoAndHoldsNobodyUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hub := dashboard.NewHub()
	ctx, cancel := context.WithCancel(t.Context())
	letGo, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- dashboard.ServeImpatiently(ctx, ln, dashboard.Config{Hub: hub, Live: true}, 50*time.Millisecond, letGo)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	slow, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 1<<20)
	for range 16 { // far more than the buffers between the two hold
		hub.Event(note(big))
	}
	select {
	case <-letGo:
	case <-time.After(30 * time.Second):
		t.Fatal("the browser that does not read is still served")
	}
}

// manager is a Control that writes down what it is told.
type manager struct{ told chan string }

func (m manager) Do(_ context.Context, run, node, action string) error {
	switch node {
	case "nobody":
		return fault.Wrapf(fault.NotFound, "there is no node %s", node)
	case "stubborn":
		return errors.New("it does not want to")
	}
	m.told <- action + " " + node + " of " + run
	return nil
}

func (m manager) Sockets(_ context.Context, run, node string) ([]load.SocketRow, error) {
	if run != "star-4-1" {
		return nil, fault.Wrapf(fault.NotFound, "%s does not run", run)
	}
	if node == "stubborn" {
		return nil, errors.New("it does not answer")
	}
	return []load.SocketRow{
		{FD: 7, Role: load.Listening, Protocol: "tcp", LocalIP: "127.0.0.1", LocalPort: 7070, LocalClass: "registered", State: "LISTEN"},
		{FD: 9, Role: load.Data, Protocol: "tcp", LocalIP: "127.0.0.1", LocalPort: 7070, RemoteIP: "127.0.0.1", RemotePort: 50001, State: "ESTABLISHED"},
	}, nil
}

func TestWhoMayCommandNodes(t *testing.T) {
	m := manager{make(chan string, 100)}
	addr, _ := serve(t, dashboard.Config{Hub: dashboard.NewHub(), Control: m, Token: "0123456789abcdef", Live: true})
	_, port, _ := net.SplitHostPort(addr)
	for _, c := range []struct {
		name, path string
		header     map[string]string
		want       int
		told       string
	}{
		{"a plain form of some web page", "/kill?run=t&node=n", nil, 403, ""},
		{"a script of another site", "/kill?run=t&node=n", map[string]string{"X-Starmesh-Command": "1", "Origin": "https://evil.example"}, 403, ""},
		{"a page whose name points here", "/kill?run=t&node=n", map[string]string{"X-Starmesh-Command": "1", "Host": "evil.example:" + port, "Origin": "http://evil.example:" + port}, 403, ""},
		{"through a proxy", "/kill?run=t&node=n", map[string]string{"X-Starmesh-Command": "1", "X-Forwarded-For": "192.0.2.1"}, 401, ""},
		{"with a wrong token", "/kill?run=t&node=n", map[string]string{"Authorization": "Bearer 0123456789abcdee"}, 403, ""},
		{"the page itself", "/kill?run=t&node=n", map[string]string{"X-Starmesh-Command": "1", "Origin": "http://" + addr}, 200, "kill n of t"},
		{"the page, through a proxy, with the token", "/stop?run=t&node=n", map[string]string{"Authorization": "Bearer 0123456789abcdef", "X-Forwarded-For": "192.0.2.1"}, 200, "stop n of t"},
		{"again", "/start?run=t&node=n", map[string]string{"X-Starmesh-Command": "1"}, 200, "start n of t"},
		{"a node that is not there", "/stop?run=t&node=nobody", map[string]string{"X-Starmesh-Command": "1"}, 404, ""},
		{"a node that will not", "/stop?run=t&node=stubborn", map[string]string{"X-Starmesh-Command": "1"}, 422, ""},
		{"something else", "/explode?run=t&node=n", map[string]string{"X-Starmesh-Command": "1"}, 405, ""},
	} {
		status, body, _ := agenttest.Ask(t, "POST", addr, c.path, c.header)
		if status != c.want && !(c.want == 405 && status == 404) {
			t.Errorf("%s: %d %s want %d", c.name, status, body, c.want)
		}
		select {
		case told := <-m.told:
			if told != c.told {
				t.Errorf("%s: the manager was told %q, want %q", c.name, told, c.told)
			}
		default:
			if c.told != "" {
				t.Errorf("%s: the manager was told nothing", c.name)
			}
		}
	}
	if status, _, _ := agenttest.Ask(t, "GET", addr, "/kill?run=t&node=n", map[string]string{"X-Starmesh-Command": "1"}); status == 200 {
		t.Error("a GET kills")
	}
}

func TestAPageOfAnotherSiteCannotRead(t *testing.T) {
	addr, _ := serve(t, dashboard.Config{Hub: dashboard.NewHub(), Control: manager{}})
	for _, path := range []string{"/", "/events", "/view.js", "/sockets?run=star-4-1&node=server"} {
		if status, _, _ := agenttest.Ask(t, "GET", addr, path, map[string]string{"Host": "evil.example"}); status != 403 {
			t.Errorf("%s under a name that points here: %d", path, status)
		}
	}
}

func TestSocketTables(t *testing.T) {
	addr, _ := serve(t, dashboard.Config{Hub: dashboard.NewHub(), Control: manager{}})
	if status, body, _ := agenttest.Ask(t, "GET", addr, "/sockets?run=star-4-1&node=server", nil); status != 200 || !strings.Contains(body, `"local_port":7070`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ := agenttest.Ask(t, "GET", addr, "/sockets?run=star-4-1&node=stubborn", nil); status != 200 || !strings.Contains(body, `{"why":"it does not answer"}`) {
		t.Errorf("a node that is on its way out: %d %s", status, body)
	}
	if status, body, _ := agenttest.Ask(t, "GET", addr, "/sockets?run=star-8-1&node=server", nil); status != 404 || !strings.Contains(body, "does not run") {
		t.Errorf("of a run that is over: %d %s", status, body)
	}
}

func TestWithoutAManagerThereIsNothingToCommand(t *testing.T) {
	addr, _ := serve(t, dashboard.Config{Hub: dashboard.NewHub()})
	for _, path := range []string{"/kill", "/stop", "/start"} {
		if status, _, _ := agenttest.Ask(t, "POST", addr, path, map[string]string{"X-Starmesh-Command": "1"}); status == 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _, _ := agenttest.Ask(t, "GET", addr, "/sockets", nil); status != 404 {
		t.Errorf("sockets: %d", status)
	}
}

func TestThePageMayUseOnlyWhatIsHere(t *testing.T) {
	addr, _ := serve(t, dashboard.Config{Hub: dashboard.NewHub()})
	for _, path := range []string{"/", "/view.css", "/view.js"} {
		status, _, header := agenttest.Ask(t, "GET", addr, path, nil)
		policy := header.Get("Content-Security-Policy")
		if status != 200 || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d, policy %q", path, status, policy)
		}
	}
	if status, _, _ := agenttest.Ask(t, "GET", addr, "/view/main.js", nil); status != 404 {
		t.Errorf("a file that is no part of the page: %d", status)
	}
}
