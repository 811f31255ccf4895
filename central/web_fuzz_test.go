package central

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"starmesh/common/content"
)

// FuzzWebAnswers is FuzzHTTPAnswers for a web server that is not ours: what is taken
// for a part is the part.
func FuzzWebAnswers(f *testing.F) {
	for _, head := range []string{
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/100\r\nContent-Length: 10\r\nETag: \"a\"\r\n\r\n0123456789",
		"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/*\r\nContent-Length: 10\r\n\r\n0123456789",
		"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-9/100\r\nContent-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: W/\"b\"\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "HTTP/1.1 403 \u202e\r\n\r\n", "HTTP/1.1 429 Slow down\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n",
		"HTTP/1.1 416 No\r\nContent-Range: bytes */7\r\n\r\n", "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"\x1b[2J\"\r\n\r\n",
	} {
		f.Add([]byte(head))
	}
	list, err := content.Hash(f.Context(), bytes.NewReader(noise(100)), 100, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		home := &url.URL{Scheme: "http", Host: "host:1", Path: "/x"}
		r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), &http.Request{Method: http.MethodGet, URL: home})
		if err != nil {
			return
		}
		c := &HTTPClient{addr: Address{HostPort: "host:1", HTTP: true}}
		s := &webSource{httpSource: httpSource{client: c, list: list}, web: &Web{client: c, home: home, at: home, etag: `"a"`}}
		switch err := s.check(r, 0, 10); {
		case err == nil:
			if r.StatusCode != 206 || r.ContentLength >= 0 && r.ContentLength != 10 || !strings.HasPrefix(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "0-9") {
				t.Errorf("taken for ten bytes of a hundred: %s %v", r.Status, r.Header)
			}
		case errors.Is(err, errWhole):
			if r.StatusCode != 200 || r.ContentLength >= 0 && r.ContentLength != 100 {
				t.Errorf("taken for the whole: %s %v", r.Status, r.Header)
			}
		case strings.ContainsFunc(fmt.Sprint(err), func(r rune) bool { return !unicode.IsGraphic(r) }):
			t.Errorf("not fit to be printed: %q", err)
		}
	})
}
