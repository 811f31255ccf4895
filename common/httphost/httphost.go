// Package httphost says by which names a server may be asked over plain HTTP, so
// that no page of another site can read what only a network is to read: such a
// page has its own name point at the server (DNS rebinding), and the browser
// then names that in Host.
package httphost

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
)

// Names are DNS names by which a server is known, beside those that nobody else's
// DNS can point at it.
type Names []string

// Allow reports whether host, as a request's Host has it, with a port or without,
// names the server by an address, its own name, one of n, or one that is nobody's
// in public: of one word, as within a cluster, or below local (RFC 6762),
// home.arpa (RFC 8375) and internal. No host at all is no browser's.
func (n Names) Allow(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(withoutPort(host), "."))
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") || name == own() {
		return true
	}
	for _, known := range n {
		if strings.EqualFold(name, known) {
			return true
		}
	}
	for _, nobodys := range []string{".local", ".home.arpa", ".internal"} {
		if strings.HasSuffix(name, nobodys) {
			return true
		}
	}
	return false
}

// own is the machine's name.
var own = sync.OnceValue(func() string {
	name, _ := os.Hostname() // a machine without one is not asked by it
	return strings.ToLower(name)
})

func withoutPort(host string) string {
	if address, ok := strings.CutPrefix(host, "["); ok {
		address, _, _ = strings.Cut(address, "]")
		return address
	}
	if name, _, found := strings.Cut(host, ":"); found && strings.Count(host, ":") == 1 {
		return name
	}
	return host
}

// Refusal says what to do about a host that Allow does not take.
func Refusal(host string) string {
	return fmt.Sprintf("this server is not known as %.200q: ask for it by its address, or start it with this as one of its names for HTTP", host)
}
