package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/common/content"
)

// webServer is somebody else's web server, with the files of a folder. It writes
// what it is asked into a log.
type webServer struct {
	dir   string
	files http.Handler
	ways  []string // in which it is not as it should be
	other *url.URL // where it sends on to

	mu  sync.Mutex // guards the fields below
	log *os.File
	n   int // requests for parts of files
}

// web VAR DIR [WAY...]: starts a web server with the files in DIR; VAR is set to
// its address and VAR.log has what it is asked: method, path and query, whether
// a password came, and the status. WAY is wholes (it has no ranges), page (it
// answers with a page for people), packed, lies, stalls (it sends the head alone), down (it only says so), busy (twice), moved (it sends on
// to VAR2, which is another host), or signed (only ?key=… with what DIR/key has).
func web(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: web VAR DIR [WAY...]")
	}
	s := &webServer{dir: ts.MkAbs(args[1]), files: http.FileServer(http.Dir(ts.MkAbs(args[1]))), ways: args[2:]}
	var err error
	s.log, err = os.Create(ts.MkAbs(args[0] + ".log"))
	ts.Check(err)
	ts.Defer(func() { s.log.Close() })
	if s.is("moved") {
		web(ts, false, []string{args[0] + "2", args[1]})
		s.other, err = url.Parse(ts.Getenv(args[0] + "2"))
		ts.Check(err)
	}
	server := httptest.NewServer(s)
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL+"/")
}

func (s *webServer) is(way string) bool { return slices.Contains(s.ways, way) }

func (s *webServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _, password := r.BasicAuth()
	answer := &answering{ResponseWriter: w, status: http.StatusOK}
	s.answer(answer, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.log, "%s %s password=%t %d %d bytes\n", r.Method, r.URL.RequestURI(), password, answer.status, answer.sent)
}

func (s *webServer) answer(w *answering, r *http.Request) {
	file := r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, content.SidecarSuffix)
	switch {
	case s.is("signed") && r.URL.Query().Get("key") != s.key():
		http.Error(w, "the signature is over", http.StatusForbidden)
		return
	case s.is("down"):
		http.Error(w, "down", http.StatusBadGateway)
		return
	case s.other != nil:
		to := *s.other
		to.Path = r.URL.Path
		http.Redirect(w, r, to.String(), http.StatusFound)
		return
	case !file:
	case s.is("busy") && s.count() <= 2:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many", http.StatusTooManyRequests)
		return
	case s.is("page"):
		fmt.Fprint(w, "<html>Please log in.</html>")
		return
	case s.is("stalls"):
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		<-r.Context().Done()
		return
	case s.is("packed"):
		w.Header().Set("Content-Encoding", "br")
	}
	if s.is("wholes") {
		r.Header.Del("Range")
	}
	w.lies = file && s.is("lies")
	s.files.ServeHTTP(w, r)
}

// key is what the addresses that are good now end in.
func (s *webServer) key() string {
	key, _ := os.ReadFile(filepath.Join(s.dir, "key"))
	return strings.TrimSpace(string(key))
}

func (s *webServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return s.n
}

// answering is an answer that is looked at.
type answering struct {
	http.ResponseWriter
	status int
	sent   int
	lies   bool
}

func (a *answering) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answering) Write(p []byte) (int, error) {
	a.sent += len(p)
	if a.lies {
		p = slices.Clone(p)
		p[len(p)-1] ^= 1
	}
	return a.ResponseWriter.Write(p)
}
