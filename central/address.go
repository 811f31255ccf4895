package central

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// DefaultPort is the server's port: in the registered range, so that it needs
// no privileges.
const DefaultPort = 7070

// Address says where a server is and, perhaps, which file of it is meant:
//
//	star://host:port/name               plain TCP
//	stars://host:port/name#sha256=HEX   TLS, with the certificate's fingerprint
//	http://host:port/name               the same file over HTTP (port 80)
//	https://host:port/name#sha256=HEX   and over HTTPS (port 443)
type Address struct {
	HostPort    string
	TLS         bool
	HTTP        bool
	Fingerprint string // SHA-256 of the certificate, hex; "" when not given
	Name        string // a file or folder; "" when not given
}

// scheme is what the front of a URL says.
type scheme struct {
	tls, http bool
	port      int // when none is given
}

func schemeOf(name string) (scheme, bool) {
	s, ok := map[string]scheme{
		"star": {port: DefaultPort}, "stars": {tls: true, port: DefaultPort},
		"http": {http: true, port: 80}, "https": {tls: true, http: true, port: 443},
	}[name]
	return s, ok
}

// ParseAddress reads star://, stars://, http:// and https:// URLs and the short
// forms host:port, host, :port and port. It fails with fault.Invalid and names
// the right form. Names in URLs are those of content.PathInURL.
func ParseAddress(s string) (Address, error) {
	if !strings.Contains(s, "://") {
		hostPort, err := withPort(s, DefaultPort)
		return Address{HostPort: hostPort}, err
	}
	place, fragment, marked := strings.Cut(s, "#")
	front, rest, _ := strings.Cut(place, "://")
	host := rest[:strings.IndexAny(rest+"/", "/?")]
	u, err := url.Parse(front + "://" + host)
	if err != nil && strings.Contains(s, "@") { // what is wrong may be, and quote, a password
		err = errors.New("it is no URL; user and password do not belong in it")
	}
	if err != nil {
		return Address{}, badAddress(s, err)
	}
	scheme, known := schemeOf(u.Scheme)
	switch {
	case !known:
		return Address{}, badAddress(s, errors.New("the scheme is "+u.Scheme))
	case u.User != nil:
		return Address{}, badAddress(s, fault.Advise(errors.New("user and password do not belong in an address"), fault.HintLogin))
	}
	hostPort, err := withPort(u.Host, scheme.port)
	if err != nil {
		return Address{}, err
	}
	a := Address{HostPort: hostPort, TLS: scheme.tls, HTTP: scheme.http}
	if a.Name, err = content.PathInURL(strings.TrimPrefix(rest[len(host):], "/")); err != nil {
		return Address{}, badAddress(s, err)
	}
	if marked {
		err = a.setFingerprint(s, fragment)
	}
	return a, err
}

func (a *Address) setFingerprint(s, fragment string) error {
	hex, ok := strings.CutPrefix(fragment, "sha256=")
	if !ok || !a.TLS {
		return badAddress(s, errors.New("after # only sha256=FINGERPRINT of a stars:// or https:// server may stand (a # in a name is written %23)"))
	}
	if _, err := content.ParseID(hex); err != nil {
		return badAddress(s, errors.New("the fingerprint is not 64 hex digits"))
	}
	a.Fingerprint = strings.ToLower(hex)
	return nil
}

func badAddress(s string, why error) error {
	s = load.WithoutPassword(s)
	return fault.Wrapf(fault.Invalid, "%.200q is no server address: %w (right: host:port, star://host:port/name, stars://host:port/name; for get also http://host:port/name)", s, why)
}

// withPort completes host:port and refuses what can not be one.
func withPort(s string, usual int) (string, error) {
	if s == "" {
		return "", badAddress(s, errors.New("it is empty"))
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		s = ":" + s
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil { // no port, then
		host, port = s, strconv.Itoa(usual)
		if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
			host = s[1 : len(s)-1]
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", badAddress(s, errors.New("the port is not a number from 1 to 65535"))
	}
	if !isHost(host) {
		return "", badAddress(s, errors.New("the host is not a name or IP address"))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// isHost reports whether host can be a name, an IP address or nothing.
func isHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = addr.Zone()
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	})
}

// String returns the form that ParseAddress reads and people copy.
func (a Address) String() string {
	u := url.URL{Scheme: "star", Host: a.HostPort, Path: a.Name}
	if a.HTTP {
		u.Scheme = "http"
	}
	if a.TLS {
		u.Scheme += "s"
	}
	if a.Fingerprint != "" {
		u.Fragment = "sha256=" + a.Fingerprint
	}
	return u.String()
}

// At returns the address of another file of the same server.
func (a Address) At(name string) Address {
	a.Name = name
	return a
}

// bare is the system's own word, without the operations around it.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// loopback reports whether addr never leaves this machine.
func loopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// addrOf is the IP address of a TCP endpoint, IPv4 as such and without a zone.
func addrOf(remote net.Addr) netip.Addr {
	if tcp, ok := remote.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// tcpPort is the port of a TCP endpoint.
func tcpPort(a net.Addr) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
