package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/agent/agenttest"
	"starmesh/common/fault"
	"starmesh/common/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "0123456789abcdef"

// start runs an agent for the time of a test and gives its address.
func start(t *testing.T, change func(*agent.Config)) string {
	t.Helper()
	ln, err := agent.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	meter, sockets := new(load.Meter), new(load.Sockets)
	meter.PayloadOut.Add(42)
	sockets.Listening(ln)
	cfg := agent.Config{
		Reporter: load.NewReporter(load.Info{Node: "server", System: "star", Role: "server", Version: "v1"}, meter, sockets),
		Sockets:  sockets,
		Token:    token,
	}
	if change != nil {
		change(&cfg)
	}
	agenttest.Serve(t, ln, func(ctx context.Context, ln net.Listener) error { return agent.Serve(ctx, ln, cfg) })
	return ln.Addr().String()
}

// do asks an agent and returns status and body.
func do(t *testing.T, method, addr, path string, header map[string]string) (int, string) {
	t.Helper()
	status, body, _ := agenttest.Ask(t, method, addr, path, header)
	return status, body
}

func TestHealth(t *testing.T) {
	var health agent.Health
	addr := start(t, func(cfg *agent.Config) { cfg.Health = &health })
	for _, c := range []struct {
		check  func() error
		status int
		says   string
	}{
		{nil, 200, `{"live":true,"ready":true}`},
		{agent.Starting, 503, `{"live":true,"ready":false,"why":"it is being started"}`},
		{func() error { return errors.New("its folder is gone") }, 503, `{"live":true,"ready":false,"why":"its folder is gone"}`},
		{func() error { return nil }, 200, `{"live":true,"ready":true}`},
	} {
		health.Check(c.check)
		if status, body := do(t, "GET", addr, "/healthz", nil); status != c.status || strings.TrimSpace(body) != c.says {
			t.Errorf("%d %s", status, body)
		}
	}
	if status, _ := do(t, "GET", start(t, nil), "/healthz", nil); status != 200 {
		t.Error("a node that nobody checks is not well")
	}
}

// TestANodeThatFetchesIsWellWhileSomethingArrives: not before, and not when that
// has ended for a while.
func TestANodeThatFetchesIsWellWhileSomethingArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var come atomic.Int64
		check := agent.Arriving(&come)
		for _, c := range []struct {
			pass, bytes int64
			why         string
		}{
			{1, 0, "nothing has arrived yet"}, {60, 0, "nothing has arrived yet"}, {0, 9, ""}, {15, 0, ""},
			{5, 0, "nothing has arrived for 20s"}, {0, 1, ""},
		} {
			time.Sleep(time.Duration(c.pass) * time.Second)
			come.Add(c.bytes)
			why := ""
			if err := check(); err != nil {
				why = err.Error()
			}
			if why != c.why {
				t.Errorf("with %d bytes: %q, want %q", come.Load(), why, c.why)
			}
		}
	})
}

func TestReadings(t *testing.T) {
	addr := start(t, nil)
	for _, c := range []struct{ path, says string }{
		{"/", "GET  /load"},
		{"/load", `"payload_out_bytes":42`},
		{"/sockets", `"role":"listening"`},
		{"/sockets?format=text", "LOCAL"},
		{"/metrics", "starmesh_payload_out_bytes_total 42"},
		{"/metrics", "go_goroutines"},
		{"/metrics", "process_cpu_seconds_total"},
	} {
		if c.says == "process_cpu_seconds_total" && runtime.GOOS == "darwin" {
			continue // that collector does not know this system
		}
		status, body := do(t, "GET", addr, c.path, nil)
		if status != http.StatusOK || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d without %q:\n%.500s", c.path, status, c.says, body)
		}
	}
	for path, want := range map[string]int{"/nothing": 404, "/sockets?format=xml": 400, "/stop": 404} {
		if status, _ := do(t, "GET", addr, path, nil); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
}

func TestWhoMayCommand(t *testing.T) {
	stops := make(chan struct{}, 100)
	addr := start(t, func(c *agent.Config) { c.Stop = func() { stops <- struct{}{} } })
	_, port, _ := net.SplitHostPort(addr)
	bearer := "Bearer " + token
	for _, c := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"a plain form of some web page", nil, 403},
		{"from here, with the header", map[string]string{"X-Starmesh-Command": "1"}, 200},
		{"as localhost", map[string]string{"X-Starmesh-Command": "1", "Host": "localhost:" + port}, 200},
		{"a script of another site", map[string]string{"X-Starmesh-Command": "1", "Origin": "https://evil.example"}, 403},
		{"a page whose name points here", map[string]string{"X-Starmesh-Command": "1", "Host": "evil.example:" + port}, 403},
		{"the same with its origin", map[string]string{"X-Starmesh-Command": "1", "Host": "evil.example", "Origin": "http://evil.example"}, 403},
		{"the dashboard's own page", map[string]string{"X-Starmesh-Command": "1", "Origin": "http://" + addr}, 200},
		{"through a proxy on this machine", map[string]string{"X-Starmesh-Command": "1", "X-Forwarded-For": "192.0.2.1"}, 401},
		{"with the token", map[string]string{"Authorization": bearer}, 200},
		{"with the token, through a proxy", map[string]string{"Authorization": bearer, "X-Forwarded-For": "192.0.2.1", "Host": "node.example"}, 200},
		{"with the token, from a page", map[string]string{"Authorization": bearer, "Origin": "https://evil.example"}, 403},
		{"with a wrong token", map[string]string{"Authorization": bearer + "0"}, 403},
		{"with an empty token", map[string]string{"Authorization": "Bearer "}, 403},
	} {
		if status, body := do(t, "POST", addr, "/stop", c.header); status != c.want {
			t.Errorf("%s: %d %s want %d", c.name, status, body, c.want)
		}
	}
	if len(stops) != 1 {
		t.Errorf("the node was stopped %d times, want once", len(stops))
	}
}

func TestWithoutATokenNoOtherMachineCommands(t *testing.T) {
	addr := start(t, func(c *agent.Config) { c.Token, c.Stop = "", func() { t.Error("stopped") } })
	for _, header := range []map[string]string{
		{"X-Forwarded-For": "192.0.2.1", "X-Starmesh-Command": "1"},
		{"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer "},
		{"Via": "1.1 proxy", "X-Starmesh-Command": "1", "Authorization": "Bearer"},
	} {
		if status, _ := do(t, "POST", addr, "/stop", header); status != 403 {
			t.Errorf("%v: %d", header, status)
		}
	}
}

func TestAPageOfAnotherSiteCannotRead(t *testing.T) {
	addr := start(t, nil)
	if status, _ := do(t, "GET", addr, "/load", map[string]string{"Host": "evil.example"}); status != 403 {
		t.Errorf("under a name that points here: %d", status)
	}
	for _, host := range []string{"localhost", "LOCALHOST.:80", "127.0.0.1", "[::1]:7070"} {
		if status, _ := do(t, "GET", addr, "/load", map[string]string{"Host": host}); status != 200 {
			t.Errorf("as %s: %d", host, status)
		}
	}
}

func TestFurtherCommands(t *testing.T) {
	addr := start(t, func(c *agent.Config) {
		c.Commands = map[string]agent.Command{
			"limit": func(_ context.Context, args url.Values) (any, error) {
				if args.Get("up") == "" {
					return nil, errors.New("up is missing")
				}
				return map[string]string{"up": args.Get("up")}, nil
			},
			"nothing": func(context.Context, url.Values) (any, error) { return nil, nil },
		}
	})
	var client agent.Client
	var got struct{ Up string }
	if err := client.Do(t.Context(), addr, "limit", url.Values{"up": {"20mbit"}}, "", &got); err != nil || got.Up != "20mbit" {
		t.Errorf("limit: %+v, %v", got, err)
	}
	if err := client.Do(t.Context(), addr, "limit", nil, token, nil); err == nil || !strings.Contains(err.Error(), "up is missing") {
		t.Errorf("limit without up: %v", err)
	}
	if err := client.Do(t.Context(), addr, "nothing", nil, "", &struct{}{}); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if err := client.Do(t.Context(), addr, "stop", nil, "", nil); !errors.Is(err, fault.NotFound) {
		t.Errorf("a stop that is not there: %v", err)
	}
	if status, body := do(t, "GET", addr, "/", nil); status != 200 || !strings.Contains(body, "POST /limit\nPOST /nothing\n") {
		t.Errorf("the index: %d %s", status, body)
	}
}

func TestACommandWithAnImpossibleNameIsRefusedAtOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	err = agent.Serve(t.Context(), ln, agent.Config{
		Reporter: load.NewReporter(load.Info{}, new(load.Meter), new(load.Sockets)),
		Commands: map[string]agent.Command{"a/{b": nil},
	})
	if err == nil {
		t.Error("it serves")
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the listener was left open")
	}
}

func TestFetch(t *testing.T) {
	addr := start(t, nil)
	var report load.Report
	if err := agent.Fetch(t.Context(), addr, "/load", &report); err != nil || report.PayloadOutBytes != 42 || report.Node != "server" {
		t.Errorf("load: %+v, %v", report, err)
	}
	var rows []load.SocketRow
	if err := agent.Fetch(t.Context(), addr, "/sockets", &rows); err != nil || len(rows) != 1 {
		t.Errorf("sockets: %+v, %v", rows, err)
	}
	var number int
	if err := agent.Fetch(t.Context(), addr, "/load", &number); !errors.Is(err, fault.Protocol) {
		t.Errorf("an answer of another kind: %v", err)
	}
	if err := agent.Fetch(t.Context(), "nonsense", "/load", &report); !errors.Is(err, fault.Invalid) {
		t.Errorf("no address: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := agent.Fetch(ctx, addr, "/load", &report); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestFetchWhereNobodyAnswersSaysWhatToDo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	err = agent.Fetch(t.Context(), addr, "/load", new(load.Report))
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "--agent "+addr) {
		t.Errorf("got %v", err)
	}
}

func TestAListenerThatFailsEndsServe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	err = agent.Serve(t.Context(), ln, agent.Config{
		Reporter: load.NewReporter(load.Info{}, new(load.Meter), new(load.Sockets)), Sockets: new(load.Sockets),
	})
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestServeEndsThoughAClientHangs(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Serve(ctx, ln, agent.Config{
			Reporter: load.NewReporter(load.Info{}, new(load.Meter), new(load.Sockets)), Sockets: new(load.Sockets),
		})
	}()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /load HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Serve has not ended ten seconds after it was told to")
	}
}

func TestListenSaysWhatToDo(t *testing.T) {
	ln, err := agent.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken := ln.Addr().String()
	_, err = agent.Listen(t.Context(), "tcp", taken)
	if err == nil || !errors.Is(err, fault.InUse) || !strings.Contains(err.Error(), "cannot listen on "+taken+": address already in use") {
		t.Errorf("a port that is taken: %v", err)
	}
	for address, says := range map[string]string{
		"nonsense":          "write HOST:PORT",
		"127.0.0.1":         "write HOST:PORT",
		"::1:7070":          "[::1]:7070",
		"127.0.0.1:70000":   "ports go from 1 to 65535",
		"127.0.0.1:-1":      "ports go from 1 to 65535",
		"192.0.2.77:7070":   "assign requested address",
		"127.0.0.1:nowhere": "nowhere",
	} {
		if ln, err := agent.Listen(t.Context(), "tcp", address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v; want an error that says %q", address, ln, err, says)
		}
	}
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		name := filepath.Join(dir, "token")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	t.Setenv(agent.TokenVariable, "")
	if got, err := agent.ReadToken(""); got != "" || err != nil {
		t.Errorf("none: %q, %v", got, err)
	}
	if got, err := agent.ReadToken(write(token + "\n")); got != token || err != nil {
		t.Errorf("from a file: %q, %v", got, err)
	}
	for _, bad := range []string{"", "\n", "short"} {
		if got, err := agent.ReadToken(write(bad)); !errors.Is(err, fault.Invalid) || strings.Contains(err.Error(), "short\"") {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
	if _, err := agent.ReadToken(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	t.Setenv(agent.TokenVariable, token)
	if got, err := agent.ReadToken(""); got != token || err != nil {
		t.Errorf("from the environment: %q, %v", got, err)
	}
}

func TestTheTableForPeople(t *testing.T) {
	var rows []load.SocketRow
	err := json.Unmarshal([]byte(`[
		{"fd":3,"role":"listening","protocol":"tcp","local_ip":"127.0.0.1","local_port":7070,"local_class":"registered","state":"LISTEN","waiting":0,"backlog":128,"age_s":61},
		{"fd":7,"role":"data","protocol":"tcp","local_ip":"::1","local_port":7070,"local_class":"registered","remote_ip":"::1","remote_port":50000,"remote_class":"dynamic","state":"closed","out_bytes":1048576,"in_bytes":10,"age_s":1.5,"closed_first":"there"},
		{"fd":-1,"role":"data","protocol":"quic","local_ip":"10.0.0.1","local_port":1,"local_class":"well-known","state":"open","age_s":0,"via":"udp socket 10.0.0.1:1"}]`), &rows)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := agent.WriteSockets(&text, rows); err != nil {
		t.Fatal(err)
	}
	want := `FD  ROLE       PROTO  LOCAL           PORT CLASS  REMOTE       PORT CLASS  STATE   SENT     RECEIVED  AGE    NOTES
3   listening  tcp    127.0.0.1:7070  registered  -            -           LISTEN  -        -         1m01s  0 of 128 wait to be accepted
7   data       tcp    [::1]:7070      registered  [::1]:50000  dynamic     closed  1.0 MiB  10 B      1.5 s  closed first by the other side
?   data       quic   10.0.0.1:1      well-known  -            -           open    -        -         0 s    carried by the udp socket 10.0.0.1:1
`
	if text.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
	}
}

// TestAnAgentSendsNobodyElsewhere: a token is not shown to whom a redirect names.
func TestAnAgentSendsNobodyElsewhere(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	agents := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer agents.Close()
	err := agent.Client{}.Do(t.Context(), strings.TrimPrefix(agents.URL, "http://"), "stop", nil, "token", nil)
	if err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("%v", err)
	}
}

// TestPagesOfOtherSitesAreToldNothing: nor do they keep a place by asking.
func TestPagesOfOtherSitesAreToldNothing(t *testing.T) {
	addr := start(t, nil)
	for origin, want := range map[string]int{"https://evil.example": 403, "null": 403, "http://" + addr: 200} {
		if status, body := do(t, "GET", addr, "/load", map[string]string{"Origin": origin}); status != want {
			t.Errorf("%s: %d %s", origin, status, body)
		}
	}
}
