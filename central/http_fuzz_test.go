package central

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"starmesh/common/fault"
)

// FuzzHTTPAnswers: whatever a server answers, what is taken for a part is the
// part, and what is said of the rest is fit to be printed.
func FuzzHTTPAnswers(f *testing.F) {
	id := strings.Repeat("ab", 32)
	for _, head := range []string{
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/100\r\nContent-Length: 10\r\n\r\n0123456789",
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/*\r\nContent-Length: 10\r\n\r\n0123456789",
		"HTTP/1.1 200 OK\r\nETag: \"" + id + "\"\r\nContent-Length: 100\r\n\r\n",
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nStarmesh-Working: 1/2\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: ./x/\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://[::1]:namedport/%zz\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n\x1b[2Jgone\u202e", "HTTP/1.0 999 \x07\r\n\r\n",
	} {
		f.Add([]byte(head))
	}
	asked := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "host:1", Path: "/x"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), asked)
		if err != nil {
			return
		}
		c := &HTTPClient{addr: Address{HostPort: "host:1", HTTP: true}}
		err = c.checkPart(r, "x", "0-9", 100, 10)
		if err == nil && (r.StatusCode != 206 || r.ContentLength != 10 || r.Header.Get("Content-Range") != "bytes 0-9/100") {
			t.Errorf("taken for the first ten bytes of a hundred: %s %v", r.Status, r.Header)
		}
		if id, err := idOf(r); err == nil && !strings.EqualFold(r.Header.Get("ETag"), `"`+id.String()+`"`) {
			t.Errorf("%s was read from %q", id, r.Header.Get("ETag"))
		}
		if err == nil {
			return
		}
		if strings.ContainsFunc(fmt.Sprint(err), func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("not fit to be printed: %q", err)
		}
		if after := fault.RetryAfter(err); after < 0 || after > (1<<32)*time.Second {
			t.Errorf("again after %v", after)
		}
	})
}
