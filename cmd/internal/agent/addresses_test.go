package agent_test

import (
	"net"
	"net/netip"
	"testing"

	"starmesh/cmd/internal/agent"
)

func TestWhatListensEverywhereIsReachedAtThisMachinesAddresses(t *testing.T) {
	tcp := func(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }
	for _, c := range []struct {
		addr      string
		encrypted bool
		want      string
	}{
		{addr: "127.0.0.1:8080", want: "http://127.0.0.1:8080/"},
		{addr: "127.0.0.1:80", want: "http://127.0.0.1/"},
		{addr: "127.0.0.1:443", want: "http://127.0.0.1:443/"},
		{addr: "[::1]:443", encrypted: true, want: "https://[::1]/"},
		{addr: "[::1]:80", encrypted: true, want: "https://[::1]:80/"},
	} {
		if got := agent.WebAddress(tcp(c.addr), c.encrypted); got != c.want {
			t.Errorf("%s, encrypted %v: %s, not %s", c.addr, c.encrypted, got, c.want)
		}
	}
	for _, addr := range []string{"0.0.0.0:7070", "[::]:7070"} {
		all := agent.Reached(tcp(addr))
		for _, text := range all {
			at, err := netip.ParseAddrPort(text)
			if err != nil || at.Port() != 7070 || at.Addr().IsUnspecified() {
				t.Errorf("%s is reached at %q, %v", addr, text, err)
			}
		}
		if len(all) == 0 || len(all) > 4 {
			t.Errorf("%s is reached at %q", addr, all)
		}
	}
}
