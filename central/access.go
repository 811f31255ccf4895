package central

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

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

// ParsePrefixes reads CIDR prefixes and single addresses. It fails with
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
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// Users are the names and bcrypt hashes of an htpasswd file.
type Users struct {
	hashes  map[string][]byte
	nobody  []byte // checked for names that are not there, so that time does not tell which are
	writers map[string]bool
	checks  chan struct{} // bcrypt is slow on purpose: few at a time
}

// ReadUsers reads an htpasswd file with bcrypt hashes (htpasswd -B). writers
// names those who may write; without any, nobody may. It fails with
// fault.Invalid and the line that is wrong.
func ReadUsers(r io.Reader, writers []string) (*Users, error) {
	u := &Users{hashes: map[string][]byte{}, writers: map[string]bool{}, checks: make(chan struct{}, 2)}
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
		u.hashes[name] = []byte(hash)
		u.nobody = u.hashes[name]
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

// check fails with fault.Unauthorized unless password is name's, and with
// fault.Busy when ctx ends before it could be checked.
func (u *Users) check(ctx context.Context, name, password string) error {
	select {
	case u.checks <- struct{}{}:
		defer func() { <-u.checks }()
	case <-ctx.Done():
		return fault.Later(fault.Wrapf(fault.Busy, "too many are logging in at once"), 5*time.Second)
	}
	hash, known := u.hashes[name]
	if !known {
		hash = u.nobody
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known {
		return fault.Wrapf(fault.Unauthorized, "wrong user name or password")
	}
	return nil
}
