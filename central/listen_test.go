package central

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/trace"
	"starmesh/common/transfer"
)

func TestTheBacklogIsTheOneAskedFor(t *testing.T) {
	for _, backlog := range []int{1, 7, 128, 1000} {
		ln, err := Listen("127.0.0.1:0", backlog, nil)
		if err != nil {
			t.Fatal(err)
		}
		sockets := new(load.Sockets)
		sockets.Listening(ln)
		_, got, ok := sockets.AcceptQueue() // as the kernel tells it
		ln.Close()
		if !ok {
			t.Skip("this system does not tell a socket's backlog")
		}
		if got != backlog {
			t.Errorf("the backlog is %d, not %d", got, backlog)
		}
	}
}

// TestClientsWaitInTheAcceptQueue until they are accepted.
func TestClientsWaitInTheAcceptQueue(t *testing.T) {
	ln, err := Listen("127.0.0.1:0", 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	sockets := new(load.Sockets)
	sockets.Listening(ln)
	if _, _, ok := sockets.AcceptQueue(); !ok {
		t.Skip("this system does not tell a queue's length")
	}
	for n := range 3 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		eventually(t, fmt.Sprintf("%d wait", n+1), func() bool { length, _, _ := sockets.AcceptQueue(); return length == n+1 })
	}
}

func TestListenOnEveryKindOfAddress(t *testing.T) {
	for listen, dials := range map[string][]string{
		"127.0.0.1:0": {"127.0.0.1"},
		"[::1]:0":     {"::1"},
		":0":          {"127.0.0.1", "::1"},
		"0.0.0.0:0":   {"127.0.0.1"},
		"localhost:0": {"localhost"},
	} {
		ln, err := Listen(listen, 5, nil)
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // no IPv6 here
		}
		if err != nil {
			t.Errorf("%s: %v", listen, err)
			continue
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		for _, host := range dials {
			c, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				continue
			}
			if err != nil {
				t.Errorf("%s is not reached by %s: %v", listen, host, err)
				continue
			}
			c.Close()
		}
		ln.Close()
	}
}

func TestAPortThatIsInUse(t *testing.T) {
	ln, err := Listen("127.0.0.1:0", 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = Listen(ln.Addr().String(), 5, nil)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("%v", err)
	}
}

func TestAnAddressOfAnotherMachine(t *testing.T) {
	_, err := Listen("198.51.100.7:0", 5, nil) // RFC 5737: nobody's
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || fault.HintOf(err) != fault.HintEveryAddress {
		t.Errorf("%v", err)
	}
}

// TestAPortThatNeedsPrivileges is tried for real where the tests have none.
func TestAPortThatNeedsPrivileges(t *testing.T) {
	err := fault.Listen("0.0.0.0:80", os.NewSyscallError("bind", syscall.EACCES))
	if os.Getuid() > 0 {
		ln, real := Listen("127.0.0.1:81", 5, nil)
		if real == nil {
			ln.Close()
			t.Skip("this system lets everyone have port 81")
		}
		err = real
	}
	if !errors.Is(err, syscall.EACCES) || fault.HintOf(err) != fault.HintPrivileged {
		t.Errorf("%v", err)
	}
}

func TestAddressesThatCanNotBeListenedOn(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:port", "127.0.0.1:70000", "no.such.host.invalid:1", "::1:80"} {
		if ln, err := Listen(addr, 5, nil); err == nil {
			ln.Close()
			t.Errorf("%q: listening", addr)
		} else if !strings.Contains(err.Error(), "cannot listen on "+addr) {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

// TestAListenerDoesNotLeakDescriptors, when it works and when it does not.
func TestAListenerDoesNotLeakDescriptors(t *testing.T) {
	before := descriptors(t)
	for range 50 {
		ln, err := Listen("127.0.0.1:0", 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Listen(ln.Addr().String(), 5, nil); err == nil {
			again.Close()
			t.Error("listening twice")
		}
		ln.Close()
	}
	eventually(t, "all are closed", func() bool { return descriptors(t) <= before })
}

// descriptors counts what this process has open; 0 where the system does not
// tell.
func descriptors(t *testing.T) int {
	t.Helper()
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

// TestNoDescriptorIsLeakedByTransfers: clients that come, fetch, put and go,
// or are refused.
func TestNoDescriptorIsLeakedByTransfers(t *testing.T) {
	s := startServer(t, writable, withBounds(Bounds{Conns: 3}))
	data := noise(200_000)
	s.add(t, "x", data)
	s.mustGet(t, "x", data)
	s.onlyLeft(t, 0)
	up := fileIn(t, string(data))
	before := descriptors(t)
	for n := range 20 {
		s.mustGet(t, "x", data)
		s.onlyLeft(t, 0)
		c, other, third := dial(t, s), dial(t, s), dial(t, s)
		if err := c.Put(t.Context(), up, entryOf(t, fmt.Sprint(n), data), false, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Put(t.Context(), up, entryOf(t, fmt.Sprint(n), data), false, nil); !errors.Is(err, fault.Exists) {
			t.Errorf("%v", err)
		}
		if _, err := tryDial(t, s); !errors.Is(err, fault.Busy) {
			t.Errorf("%v", err)
		}
		_, _, _ = c.Close(), other.Close(), third.Close()
		s.onlyLeft(t, 0)
	}
	eventually(t, "all are closed", func() bool { return descriptors(t) <= before })
}

// syncBuffer is a writer that several goroutines may share.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestTraceTellsTheLecturesStepsInOrder: one client, one file, one server that
// stops.
func TestTraceTellsTheLecturesStepsInOrder(t *testing.T) {
	var server, client syncBuffer
	s := startServer(t, func(c *ServerConfig) { c.Trace = trace.New(&server) })
	data := noise(content.MinChunk + 1)
	s.add(t, "x", data)
	s.knows(t, 1)
	c := dial(t, s, func(c *ClientConfig) { c.Trace = trace.New(&client) })
	_, list := describeFile(t, c, "x")
	if _, err := fetch(t, list, transfer.Config{}, c.Source(list)); err != nil {
		t.Fatal(err)
	}
	c.Close()
	s.onlyLeft(t, 0)
	s.stop()
	_, port, _ := net.SplitHostPort(s.addr.HostPort)
	inOrder(t, "server", server.String(),
		`socket\(AF_INET, SOCK_STREAM\) → fd (\d+)`, `bind\(fd \d+, 127.0.0.1:0\)`, `listen\(fd \d+, backlog 128\)`, `dup\(fd \d+\) → fd \d+`,
		`accept\(fd \d+\) → fd \d+: 127.0.0.1:`+port+` ← 127.0.0.1:\d+, port class (dynamic|registered)`,
		`recv\(fd \d+\) HELLO`, `send\(fd \d+\) WELCOME`, `recv\(fd \d+\) DESCRIBE`, `send\(fd \d+\) FILE`,
		`recv\(fd \d+\) PROOF`, `send\(fd \d+\) VALUES`, `recv\(fd \d+\) GET`,
		`send(file)?\(fd \d+\) CHUNK, 65549 bytes`, `send(file)?\(fd \d+\) CHUNK, 14 bytes`,
		`recv\(fd \d+\) BYE`, `close\(fd \d+\) the client closed first`, `close\(fd \d+\) the listening socket`)
	inOrder(t, "client", client.String(),
		`socket\(tcp4\) → fd \d+`, `connect\(fd \d+, 127.0.0.1:`+port+`\)`, `connected: fd \d+ is 127.0.0.1:\d+ → 127.0.0.1:`+port+`, the kernel chose port \d+ \((dynamic|registered)\)`,
		`send\(fd \d+\) HELLO`, `recv\(fd \d+\) WELCOME`, `send\(fd \d+\) DESCRIBE`, `recv\(fd \d+\) FILE`,
		`send\(fd \d+\) PROOF`, `recv\(fd \d+\) VALUES`, `send\(fd \d+\) GET`, `recv\(fd \d+\) CHUNK`,
		`send\(fd \d+\) BYE`, `close\(fd \d+\) the client closed first`)
}

// inOrder finds each pattern in text, behind the one before.
func inOrder(t *testing.T, who, text string, patterns ...string) {
	t.Helper()
	rest := text
	for _, p := range patterns {
		at := regexp.MustCompile(p).FindStringIndex(rest)
		if at == nil {
			t.Errorf("%s: no %s behind what came before, in\n%s", who, p, text)
			return
		}
		rest = rest[at[1]:]
	}
}

func TestTraceTellsOfARefusal(t *testing.T) {
	var server syncBuffer
	s := startServer(t, withBounds(Bounds{Conns: 1}), func(c *ServerConfig) { c.Trace = trace.New(&server) })
	dial(t, s)
	_, _ = tryDial(t, s)
	s.stop()
	inOrder(t, "server", server.String(), `accept\(`, `accept\(`, `close\(fd \d+\) refused: all connections of the server \(1\) are in use`, `close\(fd \d+\) the listening socket`)
}
