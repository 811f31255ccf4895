package central

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// web is a server's HTTP side.
type web struct {
	*served
	url    string
	client *http.Client
}

// startHTTP serves an empty folder over HTTP until the test ends.
func startHTTP(t *testing.T, change ...func(*ServerConfig)) *web {
	t.Helper()
	return startServer(t, change...).overHTTP(t)
}

func (s *served) overHTTP(t *testing.T) *web {
	t.Helper()
	ln, err := Listen("127.0.0.1:0", 128, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &web{served: s, url: "http://" + ln.Addr().String()}
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	if s.cfg.TLS != nil {
		w.url = "https://" + ln.Addr().String()
	}
	w.client = &http.Client{Transport: transport, Timeout: patient, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.ServeHTTP(ctx, ln) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ServeHTTP: %v", err)
		}
	})
	return w
}

// ask sends one request; headers come in pairs.
func (w *web) ask(t *testing.T, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	r.Host = cmp.Or(r.Header.Get("Host"), r.Host)
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func etagOf(t *testing.T, data []byte) string {
	return `"` + entryOf(t, "x", data).ID.String() + `"`
}

func TestHTTPGetAndHead(t *testing.T) {
	w := startHTTP(t)
	for _, size := range sizes {
		name, data := fmt.Sprint(size), noise(size)
		w.add(t, name, data)
		for _, method := range []string{"GET", "HEAD"} {
			want := string(data)
			if method == "HEAD" {
				want = ""
			}
			r, body := w.ask(t, method, "/"+name)
			if r.StatusCode != 200 || body != want || r.ContentLength != int64(size) || r.Header.Get("ETag") != etagOf(t, data) || r.Header.Get("Accept-Ranges") != "bytes" {
				t.Errorf("%s of %d bytes: %s, %d of %d bytes, %v", method, size, r.Status, len(body), r.ContentLength, r.Header)
			}
		}
	}
}

func TestHTTPRanges(t *testing.T) {
	w := startHTTP(t)
	data := noise(100_000)
	w.add(t, "x", data)
	for what, c := range map[string]struct {
		asked  string
		status int
		want   []byte
	}{
		"the beginning":    {"bytes=0-9", 206, data[:10]},
		"the middle":       {"bytes=65530-65545", 206, data[65530:65546]},
		"from there on":    {"bytes=99990-", 206, data[99990:]},
		"the end":          {"bytes=-7", 206, data[len(data)-7:]},
		"past the end":     {"bytes=99999-200000", 206, data[99999:]},
		"more than all":    {"bytes=-200000", 206, data},
		"behind the end":   {"bytes=100000-", 416, nil},
		"backwards":        {"bytes=9-0", 416, nil},
		"in another unit":  {"lines=1-2", 200, data}, // RFC 9110, section 14.2: it is ignored
		"not a number":     {"bytes=a-b", 416, nil},
		"an absurd number": {"bytes=99999999999999999999999-", 416, nil},
	} {
		r, body := w.ask(t, "GET", "/x", "Range", c.asked)
		if r.StatusCode != c.status || c.want != nil && body != string(c.want) {
			t.Errorf("%s: %s with %d bytes, not %d with %d", what, r.Status, len(body), c.status, len(c.want))
		}
	}
}

func TestHTTPSeveralRangesAtOnce(t *testing.T) {
	w := startHTTP(t)
	data := noise(100_000)
	w.add(t, "x", data)
	r, body := w.ask(t, "GET", "/x", "Range", "bytes=0-4,50000-50009,-3")
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.StatusCode != 206 || err != nil {
		t.Fatalf("%s, %v", r.Status, err)
	}
	var parts []string
	for m := multipart.NewReader(strings.NewReader(body), params["boundary"]); ; {
		p, err := m.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(p)
		parts = append(parts, string(b))
	}
	if want := []string{string(data[:5]), string(data[50000:50010]), string(data[len(data)-3:])}; !slices.Equal(parts, want) {
		t.Errorf("%d parts", len(parts))
	}
}

// TestHTTPHundredsOfRanges: each part of an answer costs a head, and a request
// has room for thousands.
func TestHTTPHundredsOfRanges(t *testing.T) {
	w := startHTTP(t)
	data := noise(1000)
	w.add(t, "x", data)
	r, body := w.ask(t, "GET", "/x", "Range", "bytes=0-0"+strings.Repeat(",1-1", maxRanges))
	if r.StatusCode != 200 || body != string(data) {
		t.Errorf("%s, %d bytes", r.Status, len(body))
	}
}

func TestHTTPRangesAsTheRFCHasThem(t *testing.T) {
	w := startHTTP(t)
	data := noise(1000)
	w.add(t, "x", data)
	for what, status := range map[string]int{
		"lines=1-2": 200, "bytes=-0": 416, "bytes=-00": 416, "bytes=-0, -0": 416, "bytes=-0,0-0": 206, "bytes=-1": 206,
		"bytes=1000-": 416, "bytes=-1001": 206, "bytes=x": 416, "bytes=-": 416,
	} {
		r, body := w.ask(t, "GET", "/x", "Range", what)
		if r.StatusCode != status || status == 200 && body != string(data) || status == 416 && r.Header.Get("Etag") != "" && r.Header.Get("Content-Range") == "" {
			t.Errorf("%s: %s, %d bytes, %v", what, r.Status, len(body), r.Header)
		}
	}
}

// TestHTTPTwoLengthsEndTheConnection: whoever is between may have read another
// request behind this one (RFC 9112, section 6.3).
func TestHTTPTwoLengthsEndTheConnection(t *testing.T) {
	w := startHTTP(t)
	w.add(t, "x", noise(10))
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const one = "GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	if _, err := io.WriteString(conn, one+"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(conn) // a reset may end it: there is more that nobody reads
	if n := strings.Count(string(said), "HTTP/1.1 "); n != 1 || !strings.Contains(string(said), "Connection: close") {
		t.Errorf("%d answers: %s", n, said)
	}
}

func TestHTTPConditions(t *testing.T) {
	w := startHTTP(t)
	data := noise(1000)
	w.add(t, "x", data)
	etag := etagOf(t, data)
	for what, c := range map[string]struct {
		headers []string
		status  int
		bytes   int
	}{
		"held already":                     {[]string{"If-None-Match", etag}, 304, 0},
		"held among others":                {[]string{"If-None-Match", `"a", ` + etag}, 304, 0},
		"another is held":                  {[]string{"If-None-Match", `"a"`}, 200, 1000},
		"go on with the same":              {[]string{"If-Range", etag, "Range", "bytes=990-"}, 206, 10},
		"go on with what has changed":      {[]string{"If-Range", `"a"`, "Range", "bytes=990-"}, 200, 1000},
		"only if it is the same":           {[]string{"If-Match", etag}, 200, 1000},
		"only if it is the same, it isn't": {[]string{"If-Match", `"a"`}, 412, -1},
		"not modified since":               {[]string{"If-Modified-Since", time.Now().UTC().Format(http.TimeFormat)}, 304, 0},
	} {
		r, body := w.ask(t, "GET", "/x", c.headers...)
		if r.StatusCode != c.status || c.bytes >= 0 && len(body) != c.bytes {
			t.Errorf("%s: %s with %d bytes", what, r.Status, len(body))
		}
	}
}

// strange are names that a listing and a link must survive.
var strange = []string{
	"<script>alert(1)<script>", "a b", "a%20b", "100%", "a?b#c", "a&b=c;d", "Bücher", "漢字.txt", `quote"and'other`,
	"with:colon", "+plus", "~tilde", "a\u00a0b", "(parens)[brackets]{braces}", "star*", "back`tick", "javascript:alert(1)",
}

func TestHTTPStrangeNames(t *testing.T) {
	w := startHTTP(t)
	for _, name := range strange {
		w.add(t, name, []byte("file "+name))
		w.add(t, "in/"+name+".d/inner", []byte("inner "+name))
	}
	w.knows(t, 2*len(strange))
	links := map[string]bool{}
	for _, folder := range []string{"/", "/in/"} {
		r, page := w.ask(t, "GET", folder)
		if r.StatusCode != 200 || strings.Contains(page, "<script>") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %s\n%s", folder, r.Status, page)
		}
		base, _ := url.Parse(w.url + folder)
		for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			ref, err := base.Parse(unescapeHTML(m[1]))
			if err != nil || ref.Host != base.Host || ref.Scheme != "http" {
				t.Errorf("the link %q leads to %v, %v", m[1], ref, err)
				continue
			}
			links[ref.RequestURI()] = true
		}
	}
	files := 0
	for link := range links {
		r, body := w.ask(t, "GET", link)
		if r.StatusCode != 200 {
			t.Errorf("%s: %s", link, r.Status)
		}
		name, _ := url.PathUnescape(strings.TrimPrefix(link, "/"))
		if !strings.HasSuffix(link, "/") {
			files++
			if body != "file "+name {
				t.Errorf("%s brought %q", link, body)
			}
		}
	}
	if files != len(strange) || len(links) != 2*len(strange)+1 {
		t.Errorf("%d links, %d of them to files; %d names", len(links), files, len(strange))
	}
}

func unescapeHTML(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+", "&#96;", "`").Replace(s)
}

// knows waits until the folder has n files and has hashed them all.
func (s *served) knows(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d files are hashed", n), func() bool {
		all, _ := s.folder.Entries("", "", 0)
		_, _, err := s.folder.ByID(content.ID{1}) // sure that it is not there?
		return errors.Is(err, fault.NotFound) && len(all) == n
	})
}

func TestHTTPFoldersRedirect(t *testing.T) {
	w := startHTTP(t)
	for _, folder := range []string{"plain", "a/b/c", "a?b#c", "100%", "with space", "Bücher", "with:colon", "http:", "a%2fb"} {
		w.add(t, folder+"/x", nil)
	}
	w.knows(t, 9)
	for _, folder := range []string{"plain", "a", "a/b", "a/b/c", "a?b#c", "100%", "with space", "Bücher", "with:colon", "http:", "a%2fb"} {
		path := (&url.URL{Path: "/" + folder}).EscapedPath()
		r, _ := w.ask(t, "GET", path)
		if r.StatusCode != http.StatusMovedPermanently {
			t.Errorf("%s: %s", folder, r.Status)
			continue
		}
		to, err := r.Request.URL.Parse(r.Header.Get("Location"))
		if err != nil || to.Path != "/"+folder+"/" || to.Host != r.Request.URL.Host || to.RawQuery != "" || to.Fragment != "" {
			t.Errorf("%s leads to %q (%v)", folder, r.Header.Get("Location"), err)
			continue
		}
		if r, _ := w.ask(t, "GET", to.RequestURI()); r.StatusCode != 200 {
			t.Errorf("%s: %s", to, r.Status)
		}
	}
}

func TestHTTPWhatIsNotServed(t *testing.T) {
	w := startHTTP(t)
	w.add(t, ".secret", []byte("x"))
	w.add(t, ".git/config", []byte("x"))
	w.add(t, "seen", []byte("x"))
	w.add(t, "upload.part", []byte("x"))
	if err := os.Symlink("/etc/passwd", filepath.Join(w.dir, "link")); err != nil {
		t.Fatal(err)
	}
	w.knows(t, 1)
	for _, path := range []string{
		"/.secret", "/.git/config", "/.git/", "/.git", "/upload.part", "/link", "/nothing", "/nothing/", "/seen/", "/seen/x",
		"/../" + filepath.Base(w.dir) + "/seen", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/%2fetc/passwd",
		"/a%00b", "/a%0ab", "/" + strings.Repeat("n", 5000), "/" + strings.Repeat("n/", 2500) + "/", "/%ff", `/a%5cb`, "/con",
	} {
		r, body := w.ask(t, "GET", path)
		if r.StatusCode != 404 || strings.Contains(body, "root:") {
			t.Errorf("%.60s: %s %.100q", path, r.Status, body)
		}
	}
	if _, page := w.ask(t, "GET", "/"); strings.Contains(page, "secret") || strings.Contains(page, "git") || strings.Contains(page, "link") || !strings.Contains(page, "seen") {
		t.Errorf("the listing is\n%s", page)
	}
}

func TestHTTPListingIsPaged(t *testing.T) {
	w := startHTTP(t)
	const files = maxListLimit + 50
	for n := range files {
		if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("f %04d", n)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all files are seen", func() bool { all, _ := w.folder.Entries("", "", 0); return len(all) == files })
	seen := map[string]bool{}
	page := "/"
	for range 3 {
		r, body := w.ask(t, "GET", page)
		if r.StatusCode != 200 {
			t.Fatal(r.Status)
		}
		for _, m := range regexp.MustCompile(`>(f \d{4})</a>`).FindAllStringSubmatch(body, -1) {
			seen[m[1]] = true
		}
		more := regexp.MustCompile(`href="(\?after=[^"]*)">more`).FindStringSubmatch(body)
		if more == nil {
			break
		}
		page = "/" + unescapeHTML(more[1])
	}
	if len(seen) != files {
		t.Errorf("%d of %d files are on the pages", len(seen), files)
	}
}

// TestHTTPListingStepsOverSubfolders: a page costs what is on it, not what lies
// below.
func TestHTTPListingStepsOverSubfolders(t *testing.T) {
	w := startHTTP(t)
	const many = 151
	for n := range many {
		for _, name := range []string{fmt.Sprintf("a/%03d", n), fmt.Sprintf("b%03d/x", n), fmt.Sprintf("z/%03d/y", n)} {
			w.add(t, name, nil)
		}
	}
	w.add(t, "a-b", nil) // between "a" and "a/000" in the order of names
	w.add(t, "a0", nil)
	eventually(t, "all files are seen", func() bool { all, _ := w.folder.Entries("", "", 0); return len(all) == 3*many+2 })
	want := []string{"a-b", "a/", "a0"}
	for n := range many {
		want = append(want, fmt.Sprintf("b%03d/", n))
	}
	want = append(want, "z/")
	_, body := w.ask(t, "GET", "/")
	var got []string
	for _, m := range regexp.MustCompile(`>([^<>]*)</a>`).FindAllStringSubmatch(body, -1) {
		got = append(got, m[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d rows: %q", len(got), got)
	}
	if _, body := w.ask(t, "GET", "/z/"); strings.Count(body, "</a>") != many {
		t.Errorf("%d rows below z", strings.Count(body, "</a>"))
	}
	cost := func(most int) uint64 {
		least := uint64(math.MaxUint64) // the server does other things, too
		for range 20 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w.page("", "", most)
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	if b := cost(maxListLimit); b > many*2048 {
		t.Errorf("a page of %d rows costs %d bytes", len(want), b)
	}
	if b := cost(1); b > 4096 {
		t.Errorf("to know that there is a folder costs %d bytes", b)
	}
}

func TestHTTPOtherMethods(t *testing.T) {
	w := startHTTP(t, writable)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
		if r, _ := w.ask(t, method, "/x"); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s", method, r.Status)
		}
	}
}

func TestHTTPUsers(t *testing.T) {
	w := startHTTP(t, withAccess(Access{Users: users(t, nil, "alice")}))
	w.add(t, "x", []byte("secret"))
	basic := func(user, password string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.url+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		response, err := w.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, _ := io.ReadAll(response.Body)
		return response, string(b)
	}
	if r, body := basic("alice", "ecila"); r.StatusCode != 200 || body != "secret" {
		t.Errorf("alice: %s", r.Status)
	}
	for _, c := range [][2]string{{"", ""}, {"alice", "wrong"}, {"mallory", "yrollam"}} {
		if r, body := basic(c[0], c[1]); r.StatusCode != 401 || !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Basic ") || strings.Contains(body, "secret") {
			t.Errorf("%q: %s, %v", c, r.Status, r.Header)
		}
	}
}

func TestHTTPDenied(t *testing.T) {
	w := startHTTP(t, withAccess(Access{Deny: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}))
	for range 20 { // the words must not be lost to a reset
		r, body := w.ask(t, "GET", "/")
		if r.StatusCode != 403 || !strings.Contains(body, "does not serve 127.0.0.1") {
			t.Fatalf("%s %q", r.Status, body)
		}
	}
}

func TestHTTPTooManyConnections(t *testing.T) {
	w := startHTTP(t, withBounds(Bounds{Conns: 1}))
	c := dial(t, w.served) // the raw protocol and HTTP share the bound
	r, body := w.ask(t, "GET", "/")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") != "5" || !strings.Contains(body, "in use") {
		t.Errorf("%s %v %q", r.Status, r.Header, body)
	}
	c.Close()
	w.onlyLeft(t, 0)
	if r, _ := w.ask(t, "GET", "/"); r.StatusCode != 200 {
		t.Errorf("when there is room again: %s", r.Status)
	}
}

func TestHTTPOverTLS(t *testing.T) {
	tls, _ := secured(t, t.TempDir())
	w := startHTTP(t, tls)
	data := noise(200_000)
	w.add(t, "x", data)
	if r, body := w.ask(t, "GET", "/x"); r.StatusCode != 200 || body != string(data) {
		t.Errorf("%s, %d bytes", r.Status, len(body))
	}
}

// TestHTTPIsCountedInTheSameReport: payload is what files are made of.
func TestHTTPIsCountedInTheSameReport(t *testing.T) {
	w := startHTTP(t)
	data := noise(300_000)
	w.add(t, "x", data)
	w.ask(t, "GET", "/x")
	w.ask(t, "HEAD", "/x")
	w.ask(t, "GET", "/x", "Range", "bytes=0-999")
	w.ask(t, "GET", "/nothing")
	w.ask(t, "GET", "/")
	w.client.CloseIdleConnections()
	w.onlyLeft(t, 0)
	payload, other := w.load.PayloadOut.Load(), w.load.OtherOut.Load()
	if payload != 301_000 || other < 500 || other > 5000 || w.load.OtherIn.Load() == 0 {
		t.Errorf("payload %d, other out %d, other in %d", payload, other, w.load.OtherIn.Load())
	}
}

func TestHTTPClientThatNeverReads(t *testing.T) {
	w := startHTTP(t, withBounds(Bounds{Stall: 200 * time.Millisecond}))
	w.add(t, "x", noise(16<<20))
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the payload flows", func() bool { return w.load.PayloadOut.Load() > 0 })
	w.onlyLeft(t, 0)
}

func TestHTTPSlowLoris(t *testing.T) {
	w := startHTTP(t, withBounds(hurried))
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &rawClient{t: t, TCPConn: conn.(*net.TCPConn)}
	request := "GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 3000)
	if sent := c.trickle([]byte(request)); sent == len(request) {
		t.Error("the server listened to the end")
	}
}

// TestHTTPWhileAFileIsHashed: a program is told to come again.
func TestHTTPWhileAFileIsHashed(t *testing.T) {
	s := startServer(t)
	s.hashPatience = 300 * time.Millisecond
	w := s.overHTTP(t)
	f, err := os.Create(filepath.Join(w.dir, "large"))
	if err != nil {
		t.Fatal(err)
	}
	// A hole: it costs no disk, and more than the patience to hash.
	if err := f.Truncate(content.MaxSize / 16); err != nil {
		t.Skip(err)
	}
	f.Close()
	r, body := w.ask(t, "GET", "/large")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(body, "being hashed") {
		t.Errorf("%s %v %q", r.Status, r.Header, body)
	}
}

// tool finds a program that is not ours.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func TestCurl(t *testing.T) {
	curl := tool(t, "curl")
	w := startHTTP(t)
	data := noise(3<<20 + 11)
	name := "a b?c#d%20é"
	w.add(t, "folder/"+name, data)
	link := w.url + "/folder/" + url.PathEscape(name)
	out := filepath.Join(t.TempDir(), "out")
	run := func(args ...string) {
		t.Helper()
		if b, err := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "-f", "-o", out}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	run(link)
	compare(t, out, data)
	if err := os.Truncate(out, 1_000_000); err != nil {
		t.Fatal(err)
	}
	before := w.load.PayloadOut.Load()
	run("-C", "-", link)
	compare(t, out, data)
	if sent := w.load.PayloadOut.Load() - before; sent != int64(len(data)-1_000_000) {
		t.Errorf("%d bytes were sent for the rest", sent)
	}
	os.Remove(out)
	run("-L", w.url+"/folder")
	if page, _ := os.ReadFile(out); !bytes.Contains(page, []byte("a b?c#d%20é")) {
		t.Errorf("the listing is\n%s", page)
	}
}

func compare(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, not %d; %v", len(got), len(want), err)
	}
}

func TestAria2(t *testing.T) {
	aria2 := tool(t, "aria2c")
	w := startHTTP(t)
	data := noise(8<<20 + 3)
	w.add(t, "x", data)
	dir := t.TempDir()
	b, err := exec.CommandContext(t.Context(), aria2, "-x4", "-s4", "-k1M", "--no-conf", "--file-allocation=none", "-d", dir, "-o", "out", w.url+"/x").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	compare(t, filepath.Join(dir, "out"), data)
}

// TestAQuestionMarkIsNotLeftOut: it may have been meant as a part of the name.
func TestAQuestionMarkIsNotLeftOut(t *testing.T) {
	w := startHTTP(t)
	w.add(t, "what", []byte("another file"))
	for _, query := range []string{"?.txt", "?", "?chunks=1"} {
		if r, body := w.ask(t, http.MethodGet, "/what"+query); r.StatusCode != http.StatusNotFound || !strings.Contains(body, "%3F") {
			t.Errorf("%q: %s, %q", query, r.Status, body)
		}
	}
}

// TestAPageWhoseNamePointsHereReadsNothing: a browser that was led here names the
// other site. Certificates and passwords keep such a page out as well.
func TestAPageWhoseNamePointsHereReadsNothing(t *testing.T) {
	w := startHTTP(t, func(c *ServerConfig) { c.HTTPNames = []string{"files.example.org"} })
	w.add(t, "x", []byte("secret"))
	for host, want := range map[string]int{"evil.example": 403, "evil.example:80": 403, "files.example.org": 200, "localhost": 200, "": 200} {
		for _, path := range []string{"/", "/x"} {
			eventually(t, "the file is there", func() bool {
				r, body := w.ask(t, http.MethodGet, path, "Host", host)
				if want == 200 && r.StatusCode == http.StatusNotFound {
					return false
				}
				if r.StatusCode != want || want == 403 && (strings.Contains(body, "secret") || !strings.Contains(body, "not known as")) {
					t.Errorf("%s as %q: %s, %s", path, host, r.Status, body)
				}
				return true
			})
		}
	}
}
