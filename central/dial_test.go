package central

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/fault"
)

func addresses(texts ...string) (addrs []netip.Addr) {
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs
}

// TestADeadAddressIsNotWaitedFor: of a server's addresses those that say nothing
// hold the others up for a moment each, and those that refuse not at all.
func TestADeadAddressIsNotWaitedFor(t *testing.T) {
	tests := []struct {
		name  string
		says  map[string]error // nil: it answers; not there: it says nothing
		addrs []string
		wait  time.Duration
		tried []string // in order
	}{
		{"the first answers", map[string]error{"10.0.0.1": nil}, []string{"10.0.0.1", "10.0.0.2"}, 0, []string{"10.0.0.1"}},
		{"two say nothing", map[string]error{"10.0.0.3": nil}, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, 2 * nextAddress,
			[]string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}},
		{"two refuse", map[string]error{"10.0.0.1": syscall.ECONNREFUSED, "10.0.0.2": syscall.ECONNREFUSED, "10.0.0.3": nil},
			[]string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, 0, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}},
		{"IPv6 is broken", map[string]error{"10.0.0.1": nil}, []string{"fd00::1", "fd00::2", "fd00::3", "10.0.0.1"}, nextAddress,
			[]string{"fd00::1", "10.0.0.1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var tried []string
				began := time.Now()
				conn, err := race(t.Context(), alternating(addresses(test.addrs...)), func(ctx context.Context, ip netip.Addr) (net.Conn, error) {
					mu.Lock()
					tried = append(tried, ip.String())
					mu.Unlock()
					if err, says := test.says[ip.String()]; says {
						near, _ := net.Pipe()
						return near, err
					}
					<-ctx.Done()
					return nil, ctx.Err()
				})
				if err != nil || conn == nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != test.wait {
					t.Errorf("it took %v, want %v", took, test.wait)
				}
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(tried, test.tried) {
					t.Errorf("it tried %v, want %v", tried, test.tried)
				}
			})
		})
	}
}

// TestAServerWithDeadAddresses is the same with sockets: nobody listens at two
// of the three addresses of its name.
func TestAServerWithDeadAddresses(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	at := Address{HostPort: net.JoinHostPort("files.example", port)}
	hosts := map[string][]netip.Addr{"files.example": addresses("127.0.0.2", "::1", "127.0.0.1")}
	cfg := ClientConfig{Resolve: func(_ context.Context, host string) ([]netip.Addr, error) { return hosts[host], nil }}.withDefaults()
	conn, err := dialTCP(t.Context(), at, cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	ln.Close()
	_, err = dialTCP(t.Context(), at, cfg)
	if !errors.Is(err, fault.NoSource) || !strings.Contains(err.Error(), "files.example:"+port+" (tried 127.0.0.2, ::1, 127.0.0.1)") {
		t.Errorf("nobody listens: %v", err)
	}
}
