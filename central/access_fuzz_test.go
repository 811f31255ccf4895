package central

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

const someHash = "$2a$04$HlC3ZkZtK5lqfVv9XFzvAOQ3xkqQv0x3s0X6nq7bF8w9m0Jr6uY1e"

// FuzzReadUsers: whatever stands in a users file, nobody gets in by a name or
// a hash that is not there in full.
func FuzzReadUsers(f *testing.F) {
	for _, text := range []string{"ann:" + someHash, "# comment\n\nann:" + someHash + "\r\n", "ann:plain", ":" + someHash, "ann:$2a$99$", "a:b:c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ReadUsers(strings.NewReader(text), nil)
		if err != nil {
			return
		}
		for name, hash := range u.hashes {
			if name == "" || strings.ContainsAny(name, ":\n") || !strings.Contains(text, name+":"+string(hash)) {
				t.Errorf("the user %q is not in %q", name, text)
			}
			if _, err := bcrypt.Cost(hash); err != nil {
				t.Errorf("the hash of %q: %v", name, err)
			}
		}
	})
}

// FuzzParsePrefixes: a network that is accepted keeps out what it names.
func FuzzParsePrefixes(f *testing.F) {
	for _, text := range []string{"192.168.0.0/16", "10.1.2.3", "::1", "fe80::/10", "0.0.0.0/0", "1.2.3.4/33", "fe80::1%eth0", "::ffff:127.0.0.0/104", "::ffff:1.2.3.4", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		deny, err := ParsePrefixes([]string{text})
		if err != nil {
			return
		}
		first := deny[0].Addr()
		if err := (Access{Deny: deny}).admits(net.TCPAddrFromAddrPort(netip.AddrPortFrom(first, 1))); err == nil {
			t.Errorf("--deny %s lets %s in", text, first)
		}
	})
}

// FuzzPins: a pin is taken only from a line that is about this very server.
func FuzzPins(f *testing.F) {
	f.Add("host:1 sha256:ab\n")
	f.Add("other:1 sha256:ab\nhost:1  sha256:cd\nhost:1 sha256:ef")
	f.Add("host:1 sha256:\n\x00\xff")
	file := filepath.Join(f.TempDir(), "known_servers")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		pin, err := Pins{Path: file}.lookup("host:1")
		if err == nil && pin != "" && !strings.Contains("\n"+text, "\nhost:1 sha256:"+pin) {
			t.Errorf("%q was read from %q", pin, text)
		}
	})
}
