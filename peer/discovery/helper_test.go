package discovery

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/load"
	"starmesh/peer/p2phost"
)

// testHost is a host of its own, as one process has it.
type testHost struct {
	*p2phost.Host
	meter   *load.Meter
	sockets *load.Sockets
}

// startHost makes a host that is closed when the test ends; change adjusts its
// configuration.
func startHost(t testing.TB, change func(*p2phost.Config)) testHost {
	t.Helper()
	cfg := p2phost.Config{Sockets: new(load.Sockets), Meter: new(load.Meter)}
	if change != nil {
		change(&cfg)
	}
	h, err := p2phost.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("closing a host: %v", err)
		}
	})
	return testHost{Host: h, meter: cfg.Meter, sockets: cfg.Sockets}
}

// conns is what the load report says about h's connections.
func (h testHost) conns() load.Conns {
	return load.NewReporter(load.Info{}, h.meter, h.sockets).Sample(load.Sample).Conns
}

// whereabouts returns h's listen addresses of one kind, or all for "".
func (h testHost) whereabouts(kind string) peer.AddrInfo {
	info := peer.AddrInfo{ID: h.ID()}
	addrs, _ := h.Network().InterfaceListenAddresses() // none: the test will tell
	for _, a := range addrs {
		if strings.Contains(a.String(), kind) {
			info.Addrs = append(info.Addrs, a)
		}
	}
	return info
}

// meet connects a with b over a kind of transport.
func meet(t testing.TB, a, b testHost, kind string) {
	t.Helper()
	if _, err := a.Reach(testContext(t), b.whereabouts(kind)); err != nil {
		t.Fatal(err)
	}
}

// flow sends n bytes from a to b and returns when b has them all.
func flow(t testing.TB, a, b testHost, n int64) {
	t.Helper()
	arrived := make(chan int64, 1)
	b.SetStreamHandler("/starmesh/test/1", func(s network.Stream) {
		got, _ := io.Copy(io.Discard, s)
		arrived <- got
	})
	s, err := a.NewStream(testContext(t), b.ID(), "/starmesh/test/1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-arrived; got != n {
		t.Errorf("%d bytes of %d arrived", got, n)
	}
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls, for what no event tells of.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	ctx := testContext(t)
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come about")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// testKey returns a network key that is no passphrase: the same for a name each
// time.
func testKey(t testing.TB, name string) p2phost.NetworkKey {
	t.Helper()
	secret := sha256.Sum256([]byte(name))
	return keyOf(t, "starmesh-network-1 "+base64.StdEncoding.EncodeToString(secret[:]))
}

// keyOf returns the key that a file with this text holds.
func keyOf(t testing.TB, text string) p2phost.NetworkKey {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := p2phost.LoadNetworkKey(file)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func decodeID(t testing.TB, s string) peer.ID {
	t.Helper()
	id, err := peer.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func idOf(t testing.TB, id p2phost.Identity) peer.ID { return decodeID(t, id.ID()) }

func addrsOf(texts ...string) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, s := range texts {
		out = append(out, ma.StringCast(s))
	}
	return out
}

// running is a connector as something that run can run.
func running(c *connector) func(context.Context) error {
	return func(ctx context.Context) error {
		c.Run(ctx)
		return nil
	}
}

// run starts what runs until the test ends, and waits for it then.
func run(t *testing.T, blocking func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- blocking(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// seek runs a finder of h with a connector behind it.
func seek(t *testing.T, h testHost, f finder) *connector {
	t.Helper()
	c := newConnector(h.Host)
	run(t, running(c))
	run(t, func(ctx context.Context) error { return f.Run(ctx, c.found) })
	return c
}

func (h testHost) knows(others ...testHost) bool {
	for _, o := range others {
		if h.Network().Connectedness(o.ID()) != network.Connected {
			return false
		}
	}
	return true
}
