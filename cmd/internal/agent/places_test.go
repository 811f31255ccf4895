package agent_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"starmesh/cmd/internal/agent"
)

func TestPlacesAreForEachAddress(t *testing.T) {
	p := agent.NewPlaces(2)
	var leave []func()
	for _, c := range []struct {
		remote string
		ok     bool
	}{
		{"192.0.2.1:1", true}, {"[::ffff:192.0.2.1]:2", true}, {"192.0.2.1:3", false}, {"192.0.2.2:1", true},
		{"[2001:db8::1]:1", true}, {"[2001:db8::2]:1", true}, {"[2001:db8::3]:1", false}, {"[2001:db8:0:1::1]:1", true},
		{"127.0.0.1:1", true}, {"127.0.0.1:2", true}, {"127.0.0.1:3", true}, {"[::1]:1", true}, {"pipe", true},
	} {
		left, ok := p.Take(c.remote)
		if ok != c.ok {
			t.Errorf("%s: %v", c.remote, ok)
		}
		if ok {
			leave = append(leave, left)
		}
	}
	for _, left := range leave {
		left()
	}
	if _, ok := p.Take("192.0.2.1:4"); !ok {
		t.Error("places that were left are not free")
	}
}

// TestIdleConnectionsOfOneAddressShutNobodyOut but those of the same address.
func TestIdleConnectionsOfOneAddressShutNobodyOut(t *testing.T) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	outward := outwardAddress(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- agent.ServeHTTP(ctx, ln, http.NotFoundHandler(), time.Minute) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for range 260 {
		conn, err := net.Dial("tcp", net.JoinHostPort(outward, port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	began := time.Now()
	if status, body := do(t, "GET", "127.0.0.1:"+port, "/", nil); status != 404 || time.Since(began) > 3*time.Second {
		t.Errorf("after %v: %d %s", time.Since(began), status, body)
	}
}

// outwardAddress returns an address of this machine that is not loopback.
func outwardAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range addrs {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}
