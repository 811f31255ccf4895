package central

import (
	"bytes"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"starmesh/common/load"
	"starmesh/common/trace"
)

// TestTraceTellsOfHTTP: what is asked and answered, with the sockets that it goes
// over, as of the raw protocol.
func TestTraceTellsOfHTTP(t *testing.T) {
	var server syncBuffer
	s := startHTTP(t, func(c *ServerConfig) { c.Trace = trace.New(&server) })
	s.add(t, "x", noise(1000))
	s.knows(t, 1)
	for _, path := range []string{"/x", "/nope", "/"} {
		answer, err := s.client.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = new(bytes.Buffer).ReadFrom(answer.Body)
		answer.Body.Close()
	}
	if answer, err := s.client.Head(s.url + "/x"); err != nil || answer.Body.Close() != nil {
		t.Fatal(err)
	}
	s.client.Transport.(*http.Transport).CloseIdleConnections()
	s.onlyLeft(t, 0)
	inOrder(t, "server", server.String(), `accept\(fd \d+\) → fd \d+: 127.0.0.1:\d+ ← 127.0.0.1:\d+, port class`,
		`recv\(fd \d+\) GET /x HTTP/1.1`, `send\(fd \d+\) 200 OK, 1000 bytes follow`,
		`recv\(fd \d+\) GET /nope`, `send\(fd \d+\) 404 Not Found`, `recv\(fd \d+\) GET / `, `send\(fd \d+\) 200 OK, the body follows`,
		`recv\(fd \d+\) HEAD /x`, `send\(fd \d+\) 200 OK, and nothing follows`, `close\(fd \d+\)`)
}

// TestAServerThatAcceptsSlowlyLetsClientsQueue: the second is let in by the
// kernel, and waits for the server, which ends at once all the same.
func TestAServerThatAcceptsSlowlyLetsClientsQueue(t *testing.T) {
	var sockets load.Sockets
	s := startServer(t, func(c *ServerConfig) { c.AcceptPause, c.Sockets = time.Hour, &sockets })
	dial(t, s)
	second, err := net.Dial("tcp", s.addr.HostPort)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if runtime.GOOS == "linux" {
		eventually(t, "one waits in the accept queue", func() bool { waiting, _, ok := sockets.AcceptQueue(); return ok && waiting == 1 })
	}
	s.stop()
}

func TestTraceTellsOfAConnectionThatIsRefused(t *testing.T) {
	s := startServer(t)
	s.stop() // its port is nobody's now
	var client syncBuffer
	if _, err := tryDial(t, s, func(c *ClientConfig) { c.Trace = trace.New(&client) }); err == nil {
		t.Fatal("connected")
	}
	inOrder(t, "client", client.String(), `socket\(`, `connect\(fd \d+, 127.0.0.1:\d+\)`, `connect: connection refused`)
}
