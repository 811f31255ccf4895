package central

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"starmesh/common/fault"
)

// Access says who may come in and what they may do. The zero value lets
// everyone read and nobody write.
type Access struct {
	Allow, Deny []netip.Prefix // Deny wins; an empty Allow is everyone
	Users       *Users         // nil: no names are asked for
	Writable    bool           // put is allowed at all
}

// admits checks a remote address against Allow and Deny. It fails with
// fault.Refused.
func (a Access) admits(remote net.Addr) error {
	addr := addrOf(remote)
	for _, p := range a.Deny {
		if p.Contains(addr) {
			return fault.Wrapf(fault.Refused, "this server does not serve %s", addr)
		}
	}
	for _, p := range a.Allow {
		if p.Contains(addr) {
			return nil
		}
	}
	if len(a.Allow) > 0 {
		return fault.Wrapf(fault.Refused, "this server does not serve %s", addr)
	}
	return nil
}

// Gap says what Deny leaves open though it denies everyone of the other kind;
// "" if it does not.
func (a Access) Gap() string {
	all4, all6 := false, false
	for _, p := range a.Deny {
		all4 = all4 || p.Bits() == 0 && p.Addr().Is4()
		all6 = all6 || p.Bits() == 0 && p.Addr().Is6()
	}
	switch {
	case len(a.Allow) > 0 || all4 == all6:
		return ""
	case all4:
		return "everyone is denied over IPv4, nobody over IPv6: add ::/0"
	default:
		return "everyone is denied over IPv6, nobody over IPv4: add 0.0.0.0/0"
	}
}

// mayWrite checks whether user ("" without names) may put files. It fails with
// fault.ReadOnly or fault.Refused.
func (a Access) mayWrite(user string) error {
	if !a.Writable {
		return fault.Wrapf(fault.ReadOnly, "this server is read-only")
	}
	if a.Users != nil && !a.Users.writers[user] {
		return fault.Wrapf(fault.Refused, "user %q may read but not write here", user)
	}
	return nil
}

// ParsePrefixes reads CIDR prefixes and single addresses. Those of IPv4 addresses
// as IPv6 has them (::ffff:192.0.2.0/120) mean the IPv4 ones. It fails with
// fault.Invalid.
func ParsePrefixes(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, addrErr := netip.ParseAddr(s)
			if addrErr != nil {
				return nil, fault.Wrapf(fault.Invalid, "%q is neither a network like 192.168.0.0/16 nor an address", s)
			}
			p = netip.PrefixFrom(addr.WithZone(""), addr.BitLen())
		}
		if p.Addr().Is4In6() {
			if p.Bits() < mappedBits {
				return nil, fault.Wrapf(fault.Invalid, "%q is partly IPv4: write it as an IPv4 network, such as 0.0.0.0/0", s)
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// mappedBits is how long ::ffff:0:0 is, which stands before an IPv4 address.
const mappedBits = 96

// Users are the names and bcrypt hashes of an htpasswd file.
type Users struct {
	names   []string // in the order of the file
	hashes  map[string][]byte
	writers map[string]bool
	logins  *logins
}

// ReadUsers reads an htpasswd file with bcrypt hashes (htpasswd -B). writers
// names those who may write; without any, nobody may. It fails with
// fault.Invalid and the line that is wrong.
func ReadUsers(r io.Reader, writers []string) (*Users, error) {
	u := &Users{hashes: map[string][]byte{}, writers: map[string]bool{}, logins: newLogins()}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, hash, ok := strings.Cut(line, ":")
		if _, err := bcrypt.Cost([]byte(hash)); !ok || name == "" || err != nil {
			return nil, fault.Wrapf(fault.Invalid, "line %d is not NAME:BCRYPT-HASH (make it with: htpasswd -nB NAME)", n)
		}
		u.names = append(u.names, name)
		u.hashes[name] = []byte(hash)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	for _, name := range writers {
		if u.hashes[name] == nil {
			return nil, fault.Wrapf(fault.Invalid, "%q may write but is not in the users file", name)
		}
		u.writers[name] = true
	}
	return u, nil
}
