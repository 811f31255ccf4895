package peer

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/load"
	"starmesh/peer/p2phost"
)

// testHost is a host without a node, that speaks the protocol as it likes.
type testHost struct {
	*p2phost.Host
	mu    *sync.Mutex
	conns map[peer.ID]p2phost.Conn
}

// startHost makes a host that is closed when the test ends; change adjusts its
// configuration.
func startHost(t testing.TB, change func(*p2phost.Config)) testHost {
	t.Helper()
	cfg := p2phost.Config{Sockets: new(load.Sockets), Meter: new(load.Meter)}
	if change != nil {
		change(&cfg)
	}
	host, err := p2phost.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	h := testHost{Host: host, mu: new(sync.Mutex), conns: map[peer.ID]p2phost.Conn{}}
	host.Watch(func(c p2phost.Conn) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.conns[c.Remote()] = c
	}, func(p2phost.Conn) {})
	return h
}

// connect dials a node.
func (h testHost) connect(t testing.TB, n testNode) conn {
	t.Helper()
	if _, err := h.Reach(testContext(t), n.host.Where()); err != nil {
		t.Fatal(err)
	}
	var c p2phost.Conn
	waitFor(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		var ok bool
		c, ok = h.conns[n.ID()]
		return ok
	})
	return hostConn{c}
}

// open opens a stream.
func open(t testing.TB, c conn, proto string) stream {
	t.Helper()
	s, err := c.Open(testContext(t), proto)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testContext bounds what must come about, on however busy a machine: who waits in
// vain waits so long.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// needsNamespaces skips a test where it can make no network namespaces.
func needsNamespaces(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces need the program ip")
	}
}

// cabledNamespaces makes two namespaces with an address each.
func cabledNamespaces(t *testing.T) (one, two string) {
	t.Helper()
	tag := fmt.Sprintf("sm%d", os.Getpid()%100000)
	one, two = tag+"a", tag+"b"
	ip := func(args string) {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("no network namespaces here: ip %s: %s", args, out)
		}
	}
	t.Cleanup(func() {
		for _, ns := range []string{one, two} {
			_ = exec.Command("ip", "netns", "del", ns).Run() // it may not exist
		}
	})
	ip("netns add " + one)
	ip("netns add " + two)
	ip("link add " + one + " type veth peer name " + two)
	for i, ns := range []string{one, two} {
		ip("link set " + ns + " netns " + ns)
		ip(fmt.Sprintf("-n %s addr add 10.77.0.%d/24 dev %s", ns, i+1, ns))
		ip("-n " + ns + " link set " + ns + " up")
		ip("-n " + ns + " link set lo up")
	}
	return one, two
}

// next reads up to the line that begins with word.
func next(t *testing.T, lines *bufio.Scanner, word string) string {
	t.Helper()
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), word+" "); ok {
			return rest
		}
	}
	t.Fatalf("no line with %s: %v", word, lines.Err())
	return ""
}

// testKey returns the network key of a passphrase.
func testKey(t testing.TB, passphrase string) p2phost.NetworkKey {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("the passphrase is "+passphrase), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := p2phost.LoadNetworkKey(file)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
