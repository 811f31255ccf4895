// Package ownaddr knows under which of its addresses others are likely to reach
// this machine. A machine with containers has a dozen, of which one is of use.
package ownaddr

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How many addresses of a kind are worth telling of.
const (
	maxOthers  = 4 // of networks without the default route
	maxBridges = 2 // of bridges to containers and virtual machines
)

// nameTime is how long a name may take to resolve.
const nameTime = 2 * time.Second

// iface is a network interface that is up.
type iface struct {
	name   string
	metric int // of its cheapest route; 0 where nobody tells
	addrs  []netip.Addr
}

// List returns the machine's addresses that others can use, the most useful
// first: from which the default route starts, then those of other networks by
// the cost of their routes, then a few of bridges to containers. Without a
// network it is empty. A change is seen within listTime.
func List() []netip.Addr {
	listed.Lock()
	defer listed.Unlock()
	if time.Since(listed.at) >= listTime {
		listed.addrs, listed.at = look(), time.Now()
	}
	return slices.Clone(listed.addrs)
}

// listed is what List has seen last. A node asks at each connection that comes,
// and a look costs a third of a millisecond: as much as to secure one.
var listed struct {
	sync.Mutex
	addrs []netip.Addr
	at    time.Time
}

const listTime = time.Second

func look() []netip.Addr {
	var preferred []netip.Addr
	for _, outside := range []string{"192.0.2.1", "2001:db8::1"} { // for examples (RFC 5737, 3849): routed as all that is far
		if from, ok := Toward(outside); ok {
			preferred = append(preferred, from)
		}
	}
	return order(interfaces(), preferred)
}

// Toward returns the address from which this machine reaches host, an IP address
// or a name. Nothing is sent, but for what it takes to resolve a name.
func Toward(host string) (netip.Addr, bool) {
	dialer := net.Dialer{Timeout: nameTime}
	c, err := dialer.Dial("udp", net.JoinHostPort(host, "9")) // discard
	if err != nil {
		return netip.Addr{}, false
	}
	defer c.Close() // nothing was written
	from, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return from.AddrPort().Addr().Unmap(), true
}

// order returns the addresses of all, the most useful first, a few of each kind.
func order(all []iface, preferred []netip.Addr) []netip.Addr {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b iface) int { return cmp.Compare(a.metric, b.metric) })
	var first, others, bridges []netip.Addr
	for _, i := range all {
		for _, a := range i.addrs {
			switch {
			case !a.IsGlobalUnicast(): // the loopback; of no use without a zone
			case slices.Contains(preferred, a):
				first = append(first, a)
			case isBridge(i.name):
				bridges = append(bridges, a)
			default:
				others = append(others, a)
			}
		}
	}
	return slices.Concat(first, others[:min(len(others), maxOthers)], bridges[:min(len(bridges), maxBridges)])
}

// bridges are how the interfaces begin that container engines and hypervisors
// make: nothing outside of the machine is behind them.
var bridges = []string{"docker", "br-", "veth", "cni", "virbr", "lxc", "lxdbr", "podman", "flannel", "cali", "kube", "vnet", "vmnet", "vboxnet", "vEthernet"}

func isBridge(name string) bool {
	return slices.ContainsFunc(bridges, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// interfaces are those that are up, in the system's order; none where it does
// not tell.
func interfaces() []iface {
	all, _ := net.Interfaces()
	metrics := metrics()
	var up []iface
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		one := iface{name: i.Name, metric: metrics[i.Name]}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				one.addrs = append(one.addrs, p.Addr())
			}
		}
		up = append(up, one)
	}
	return up
}

// metrics returns the cost of each interface's cheapest route, where the system
// tells it in a file (Linux, for IPv4).
func metrics() map[string]int {
	table, _ := os.ReadFile("/proc/net/route")
	return parseRoutes(string(table))
}

func parseRoutes(table string) map[string]int {
	const name, metric = 0, 6 // columns
	cheapest := map[string]int{}
	for line := range strings.Lines(table) {
		columns := strings.Fields(line)
		if len(columns) <= metric {
			continue
		}
		cost, err := strconv.Atoi(columns[metric])
		if was, known := cheapest[columns[name]]; err == nil && (!known || cost < was) {
			cheapest[columns[name]] = cost
		}
	}
	return cheapest
}
