package agent

import (
	"net"
	"net/url"

	"starmesh/common/ownaddr"
)

// Reached returns the addresses, host:port, under which others can reach what
// listens at addr; at least one.
func Reached(addr net.Addr) []string {
	host, port, _ := net.SplitHostPort(addr.String())
	hosts := []string{host}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		hosts = machineAddresses()
	}
	for i := range hosts {
		hosts[i] = net.JoinHostPort(hosts[i], port)
	}
	return hosts
}

// machineAddresses are this machine's addresses that others can reach, a few
// of them; loopback when there is none.
func machineAddresses() []string {
	const few = 4
	var hosts []string
	for _, a := range ownaddr.List() {
		if len(hosts) < few {
			hosts = append(hosts, a.String())
		}
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}

// WebAddress returns the first address under which others can reach the web
// server that listens at addr.
func WebAddress(addr net.Addr, encrypted bool) string {
	u := url.URL{Scheme: "http", Host: Reached(addr)[0], Path: "/"}
	usual := "80"
	if encrypted {
		u.Scheme, usual = "https", "443"
	}
	if u.Port() == usual {
		u.Host = u.Host[:len(u.Host)-len(":"+usual)]
	}
	return u.String()
}
