package central

import (
	"errors"
	"strings"
	"testing"

	"starmesh/common/fault"
)

func TestAddressesThatPeopleType(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	for in, want := range map[string]Address{
		"7070":                           {HostPort: "127.0.0.1:7070"},
		":8080":                          {HostPort: "127.0.0.1:8080"},
		"host":                           {HostPort: "host:7070"},
		"host:1":                         {HostPort: "host:1"},
		"10.0.0.1":                       {HostPort: "10.0.0.1:7070"},
		"::1":                            {HostPort: "[::1]:7070"},
		"[::1]":                          {HostPort: "[::1]:7070"},
		"[fd00::2]:99":                   {HostPort: "[fd00::2]:99"},
		"star://host":                    {HostPort: "host:7070"},
		"star://host:1/":                 {HostPort: "host:1"},
		"star://host:1/a.bin":            {HostPort: "host:1", Name: "a.bin"},
		"star://host/models/":            {HostPort: "host:7070", Name: "models/"},
		"star://host/a%20b%3Fc%23d":      {HostPort: "host:7070", Name: "a b?c#d"},
		"stars://host:1/x#sha256=" + hex: {HostPort: "host:1", TLS: true, Name: "x", Fingerprint: hex},
		"stars://[::1]:1#sha256=" + strings.ToUpper(hex): {HostPort: "[::1]:1", TLS: true, Fingerprint: hex},
		"star://host/a+b%25c d":                          {HostPort: "host:7070", Name: "a+b%c d"},
		"http://host/a%3Fb":                              {HostPort: "host:80", HTTP: true, Name: "a?b"},
		"http://[::1]:8080/x/y":                          {HostPort: "[::1]:8080", HTTP: true, Name: "x/y"},
		"https://host/x#sha256=" + hex:                   {HostPort: "host:443", HTTP: true, TLS: true, Name: "x", Fingerprint: hex},
	} {
		got, err := ParseAddress(in)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v; not %+v", in, got, err, want)
			continue
		}
		if again, err := ParseAddress(got.String()); err != nil || again != want {
			t.Errorf("%q is written as %q, which is %+v, %v", in, got, again, err)
		}
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, in := range []string{
		"", "0", "65536", "host:0", "host:65536", "host:port", "http://host/x?y=1", "ftp://host/x", "http://host/x#sha256=" + strings.Repeat("ab", 32), "mesh:abc", "star://", "star://:x/",
		"star://user:pass@host/x", "star://host/../x", "star://host/a//b", "star://host/%00", "star://host/what?.txt", "stars://host/what?", "star://host?x", "https://host/what?.txt", "http://host/?x", "star://host/c#", "star://host/100%",
		"star://host/c#.txt", "stars://host/c#.txt", "http://host/c#.txt", "https://host/100%", "star://host/x#sha256=" + strings.Repeat("ab", 32),
		"stars://host/x#sha256=abc", "stars://host/x#md5=abc", "a b", "a/b", "host:1:2", "star://ho st/x", "[host", "host]", "star://host:1/%zz",
	} {
		if a, err := ParseAddress(in); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %+v, %v", in, a, err)
		} else if !strings.Contains(err.Error(), "star://host:port/name") {
			t.Errorf("%q: the right form is not named: %v", in, err)
		}
	}
}

// TestAMistypedPasswordIsNotPrinted again for whoever looks over a shoulder, or
// into a log.
func TestAMistypedPasswordIsNotPrinted(t *testing.T) {
	for _, in := range []string{
		"bob:hunter2@host", "bob:hunter2@host:7070", "star://bob:hunter2@host/x", "star://bob:hunter2@ho st/x",
		"star://bob:hunter2 @host/x", "star://bob:%zhunter2@host/x", "ftp://bob:hunter2@host/x", "star://bob:hun#ter2@host",
	} {
		if _, err := ParseAddress(in); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2@") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"host:1", "star://host/x", "stars://[::1]:1/a%20b#sha256=" + strings.Repeat("ab", 32), "::1", "7070"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q is %+v, written %q, read again as %+v, %v", s, a, a, again, err)
		}
	})
}
