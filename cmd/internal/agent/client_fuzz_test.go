package agent

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"starmesh/common/load"
)

// FuzzAnswers: whatever answers in an agent's place, the error that comes of
// it is a line that can be printed.
func FuzzAnswers(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\n\r\n{\"kind\":\"sample\",\"fds\":3}", "HTTP/1.1 200 OK\r\n\r\n[]", "HTTP/1.1 403 No\r\n\r\nsecond thoughts\nmore",
		"HTTP/1.1 404 \x1b[2J\r\n\r\n\x1b]0;title\x07\u202e", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", "HTTP/1.1 200 OK\r\n\r\n{\"fds\":\"\u009b\"}",
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(b))), nil)
		if err != nil {
			return
		}
		var report load.Report
		err = decode("127.0.0.1:1", "/load", answer, &report)
		if err != nil && strings.ContainsFunc(fmt.Sprint(err), func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("not fit to be printed: %q", err)
		}
	})
}
