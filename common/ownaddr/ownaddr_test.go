package ownaddr

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
)

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestTheMostUsefulAddressComesFirst(t *testing.T) {
	lo := iface{"lo", 0, addrs("127.0.0.1", "::1")}
	lan := iface{"eth0", 100, addrs("192.168.1.5", "fe80::1", "2001:db8:1::5")}
	wifi := iface{"wlan0", 600, addrs("192.168.2.5")}
	vpn := iface{"wg0", 50, addrs("10.9.0.5")}
	docker := iface{"docker0", 0, addrs("172.17.0.1")}
	crowd := []iface{lo, docker}
	for i := range 20 {
		crowd = append(crowd, iface{fmt.Sprintf("br-%012d", i), 0, addrs(fmt.Sprintf("172.18.%d.1", i))})
	}
	var many []iface
	for i := range 9 {
		many = append(many, iface{fmt.Sprintf("eth%d", i), i, addrs(fmt.Sprintf("10.0.%d.1", i))})
	}
	for name, c := range map[string]struct {
		all       []iface
		preferred []netip.Addr
		want      []netip.Addr
	}{
		"nothing":                    {nil, nil, nil},
		"the loopback alone":         {[]iface{lo}, nil, nil},
		"behind twenty bridges":      {append(crowd, lan), addrs("192.168.1.5", "2001:db8:1::5"), addrs("192.168.1.5", "2001:db8:1::5", "172.17.0.1", "172.18.0.1")},
		"no default route":           {append(crowd, lan), nil, addrs("192.168.1.5", "2001:db8:1::5", "172.17.0.1", "172.18.0.1")},
		"by the cost of routes":      {[]iface{lo, wifi, docker, vpn, lan}, addrs("192.168.2.5"), addrs("192.168.2.5", "10.9.0.5", "192.168.1.5", "2001:db8:1::5", "172.17.0.1")},
		"nine networks, the last":    {many, addrs("10.0.8.1"), addrs("10.0.8.1", "10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1")},
		"a bridge with the default":  {[]iface{lo, {"br-lan", 0, addrs("192.168.1.5")}}, addrs("192.168.1.5"), addrs("192.168.1.5")},
		"a bridge that is all there": {[]iface{lo, docker}, nil, addrs("172.17.0.1")},
	} {
		if got := order(c.all, c.preferred); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}

func TestTheCheapestRouteOfAnInterfaceCounts(t *testing.T) {
	got := parseRoutes("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
		"eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"eth0\t0001A8C0\t00000000\t0001\t0\t0\t90\t00FFFFFF\t0\t0\t0\n" +
		"short\tline\n")
	if want := map[string]int{"wlan0": 600, "eth0": 90}; !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

// TestThisMachine: whatever it has, what is listed can be told to others.
func TestThisMachine(t *testing.T) {
	for _, a := range List() {
		if a.IsLoopback() || a.IsUnspecified() || a.Zone() != "" {
			t.Errorf("%s is of no use to others", a)
		}
	}
	if from, ok := Toward("127.0.0.1"); !ok || !from.IsLoopback() {
		t.Errorf("the loopback is reached from %v, %v", from, ok)
	}
	if from, ok := Toward("no such name.invalid"); ok {
		t.Errorf("nowhere is reached from %v", from)
	}
}
