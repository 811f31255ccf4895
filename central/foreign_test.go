package central

import (
	"io"
	"net"
	"strings"
	"testing"
)

// Whoever dials the wrong port hears what is there.
func TestAServerOfAnotherKindIsCalledThat(t *testing.T) {
	for says, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": "a web server answers",
		"\x15\x03\x01\x00\x02\x02\x46":     "speaks TLS",
		"SSH-2.0-OpenSSH_9.2\r\n":          `it says "SSH-2"`,
		"220 mail.example ESMTP\r\n":       `it says "220 m"`,
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, says)
			_, _ = io.Copy(io.Discard, conn) // until the client ends it
			conn.Close()
		}()
		c, err := Dial(t.Context(), Address{HostPort: ln.Addr().String()}, ClientConfig{Agent: "test"})
		if err == nil {
			c.Close()
			t.Errorf("%q is a server of ours", says)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", says, err)
		}
		ln.Close()
	}
}
