package central

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

func TestTooManyConnections(t *testing.T) {
	s := startServer(t, withBounds(Bounds{Conns: 2}))
	first, second := dial(t, s), dial(t, s)
	_, err := tryDial(t, s)
	if !errors.Is(err, fault.Busy) || fault.RetryAfter(err) != 5*time.Second {
		t.Fatalf("the third: %v, again after %v", err, fault.RetryAfter(err))
	}
	if !strings.Contains(err.Error(), "connections of the server (2)") {
		t.Errorf("the words are %q", err)
	}
	for _, c := range []*Client{first, second} {
		if _, err := c.Ping(t.Context()); err != nil {
			t.Errorf("those who are in stay in: %v", err)
		}
	}
	first.Close()
	s.onlyLeft(t, 1)
	dial(t, s)
}

// outwardAddress returns an address of this machine that is not loopback.
func outwardAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

func TestTooManyConnectionsFromOneAddress(t *testing.T) {
	outward := outwardAddress(t)
	s := startServerAt(t, t.TempDir(), ":0", withBounds(Bounds{ConnsPerAddr: 2}))
	loopback := &served{addr: Address{HostPort: net.JoinHostPort("127.0.0.1", fmt.Sprint(portOf(t, s.addr)))}}
	s.addr.HostPort = net.JoinHostPort(outward, fmt.Sprint(portOf(t, s.addr)))
	first := dial(t, s)
	dial(t, s)
	_, err := tryDial(t, s)
	if !errors.Is(err, fault.Busy) || fault.RetryAfter(err) == 0 || !strings.Contains(err.Error(), outward) {
		t.Fatalf("the third: %v", err)
	}
	for range 4 {
		dial(t, loopback) // a lab on one machine is not an attack
	}
	first.Close()
	s.onlyLeft(t, 5)
	dial(t, s)
}

func portOf(t *testing.T, a Address) int {
	t.Helper()
	addr, err := netip.ParseAddrPort(a.HostPort)
	if err != nil {
		t.Fatal(err)
	}
	return int(addr.Port())
}

func TestAllowAndDeny(t *testing.T) {
	prefixes := func(all ...string) []netip.Prefix {
		p, err := ParsePrefixes(all)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for what, c := range map[string]struct {
		access Access
		in     bool
	}{
		"everyone":                            {Access{}, true},
		"this machine allowed":                {Access{Allow: prefixes("127.0.0.0/8")}, true},
		"this address allowed":                {Access{Allow: prefixes("10.0.0.0/8", "127.0.0.1")}, true},
		"only others allowed":                 {Access{Allow: prefixes("10.0.0.0/8", "fd00::/8")}, false},
		"others denied":                       {Access{Deny: prefixes("10.0.0.0/8")}, true},
		"this machine denied":                 {Access{Deny: prefixes("127.0.0.1/8")}, false},
		"this machine denied as IPv6 has it":  {Access{Deny: prefixes("::ffff:127.0.0.0/104")}, false},
		"this address denied as IPv6 has it":  {Access{Deny: prefixes("::ffff:127.0.0.1")}, false},
		"this address allowed as IPv6 has it": {Access{Allow: prefixes("::ffff:7f00:1/128")}, true},
		"deny wins over a narrow allow":       {Access{Deny: prefixes("127.0.0.0/8"), Allow: prefixes("127.0.0.1")}, false},
	} {
		// Both families on one socket: an IPv4 client is ::ffff:127.0.0.1 there.
		for _, listen := range []string{"127.0.0.1:0", ":0"} {
			s := startServerAt(t, t.TempDir(), listen, withAccess(c.access))
			s.addr.HostPort = net.JoinHostPort("127.0.0.1", fmt.Sprint(portOf(t, s.addr)))
			conn, err := tryDial(t, s)
			if c.in && err == nil {
				conn.Close()
			} else if c.in || !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "does not serve 127.0.0.1") {
				t.Errorf("%s, on %s: %v", what, listen, err)
			}
			s.stop()
		}
	}
}

func TestWhatADenialForgetsIsSaid(t *testing.T) {
	for _, c := range []struct{ allow, deny, forgets string }{
		{"", "0.0.0.0/0", "IPv6"}, {"", "::/0", "IPv4"}, {"", "::ffff:0:0/96", "IPv6"},
		{"", "0.0.0.0/0 ::/0", ""}, {"", "10.0.0.0/8", ""}, {"", "", ""}, {"10.0.0.0/8", "0.0.0.0/0", ""},
	} {
		var a Access
		var err1, err2 error
		a.Allow, err1 = ParsePrefixes(strings.Fields(c.allow))
		a.Deny, err2 = ParsePrefixes(strings.Fields(c.deny))
		if got := a.Gap(); err1 != nil || err2 != nil || (got == "") != (c.forgets == "") || !strings.Contains(got, "nobody over "+c.forgets) && got != "" {
			t.Errorf("--allow %q --deny %q: %q, %v, %v", c.allow, c.deny, got, err1, err2)
		}
	}
}

func TestPrefixesThatAreNone(t *testing.T) {
	for _, p := range []string{"", "localhost", "10.0.0.0/33", "::ffff:0:0/95", "10.0.0/8", "1.2.3.4/x", "::g"} {
		if _, err := ParsePrefixes([]string{p}); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// users makes an htpasswd file in which everyone's password is their name
// backwards, and returns what the server makes of it.
func users(t *testing.T, writers []string, names ...string) *Users {
	t.Helper()
	var file strings.Builder
	file.WriteString("# made by a test\n\n")
	for _, name := range names {
		hash, err := bcrypt.GenerateFromPassword([]byte(backwards(name)), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&file, "%s:%s\n", name, hash)
	}
	u, err := ReadUsers(strings.NewReader(file.String()), writers)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func backwards(s string) string {
	var b strings.Builder
	for i := len(s) - 1; i >= 0; i-- {
		b.WriteByte(s[i])
	}
	return b.String()
}

func as(user, password string) func(*ClientConfig) {
	return func(c *ClientConfig) { c.User, c.Password = user, password }
}

func TestUsers(t *testing.T) {
	for what, c := range map[string]struct {
		user, password string
		want           error
	}{
		"alice":                 {"alice", "ecila", nil},
		"bob":                   {"bob", "bob", nil},
		"a wrong password":      {"alice", "alice", fault.Unauthorized},
		"an empty password":     {"alice", "", fault.Unauthorized},
		"another's password":    {"alice", "bob", fault.Unauthorized},
		"nobody":                {"mallory", "yrollam", fault.Unauthorized},
		"no name":               {"", "", fault.Unauthorized},
		"a name in other case":  {"Alice", "ecila", fault.Unauthorized},
		"a password of 1,024":   {"alice", strings.Repeat("p", 1024), fault.Unauthorized},
		"a password of 1,025":   {"alice", strings.Repeat("p", 1025), fault.TooLarge},
		"a password of 1 MiB":   {"alice", strings.Repeat("p", 1<<20), fault.TooLarge},
		"a comment as the name": {"# made by a test", "", fault.Unauthorized},
	} {
		s := startServer(t, withAccess(Access{Users: users(t, nil, "alice", "bob")}))
		conn, err := tryDial(t, s, as(c.user, c.password))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
		if err == nil {
			if _, err := conn.Ping(t.Context()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			conn.Close()
		}
	}
}

// TestWithoutAPasswordNothingIsSaid: not even that a file is there.
func TestWithoutAPasswordNothingIsSaid(t *testing.T) {
	s := startServer(t, withAccess(Access{Users: users(t, nil, "alice")}))
	for _, m := range []message{list{Req: 1, Limit: 1}, describe{Req: 1, Name: "x"}, ping{Req: 1}, watch{Req: 1}, put{Req: 1, Entry: someEntry}} {
		c := s.greeted(t)
		c.say(m)
		c.hearError(fault.Unauthorized)
		c.hearEnd()
	}
}

func TestTheClientSaysThatAPasswordIsNeeded(t *testing.T) {
	s := startServer(t, withAccess(Access{Users: users(t, nil, "alice")}))
	_, err := tryDial(t, s)
	if !errors.Is(err, fault.Unauthorized) || fault.HintOf(err) != fault.HintUser {
		t.Errorf("%v", err)
	}
}

// TestCredentialsDoNotLeaveTheMachineInTheClear: the client refuses before it
// sends them, whatever the server asks for.
func TestCredentialsDoNotLeaveTheMachineInTheClear(t *testing.T) {
	outward := outwardAddress(t)
	ln, err := net.Listen("tcp", net.JoinHostPort(outward, "0"))
	if err != nil {
		t.Skip(err)
	}
	defer ln.Close()
	heard := make(chan []byte, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		c := &rawClient{t: t, TCPConn: conn.(*net.TCPConn)}
		c.say(welcome{Version: version, Auth: true})
		b := make([]byte, 1<<10)
		n := 0
		for more, err := 0, error(nil); err == nil; n += more {
			more, err = conn.Read(b[n:])
		}
		heard <- b[:n]
	}()
	_, err = Dial(t.Context(), Address{HostPort: ln.Addr().String()}, ClientConfig{User: "alice", Password: "topsecret"})
	if !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "not encrypted") || !strings.Contains(err.Error(), "stars://") {
		t.Errorf("%v", err)
	}
	if b := string(<-heard); strings.Contains(b, "topsecret") || strings.Contains(b, "alice") {
		t.Errorf("the server heard %q", b)
	}
}

func TestWhoMayWrite(t *testing.T) {
	u := users(t, []string{"writer"}, "writer", "reader")
	for what, c := range map[string]struct {
		access Access
		client func(*ClientConfig)
		want   error
	}{
		"read-only for everyone": {Access{}, as("", ""), fault.ReadOnly},
		"writable for everyone":  {Access{Writable: true}, as("", ""), nil},
		"a writer":               {Access{Writable: true, Users: u}, as("writer", "retirw"), nil},
		"a reader":               {Access{Writable: true, Users: u}, as("reader", "redaer"), fault.Refused},
		"a writer, read-only":    {Access{Users: u}, as("writer", "retirw"), fault.ReadOnly},
	} {
		s := startServer(t, withAccess(c.access))
		conn := dial(t, s, c.client)
		err := conn.Put(t.Context(), fileIn(t, "x"), entryOf(t, "x", []byte("x")), false, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
		if _, err := conn.Ping(t.Context()); err != nil {
			t.Errorf("%s: the connection does not go on: %v", what, err)
		}
	}
}

func TestUsersFilesThatAreWrong(t *testing.T) {
	good, _ := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	for what, file := range map[string]string{
		"no hash":           "alice\n",
		"no name":           ":" + string(good) + "\n",
		"a plain password":  "alice:secret\n",
		"an MD5 hash":       "alice:$apr1$zxcv$0123456789012345678901\n",
		"the second line":   "bob:" + string(good) + "\nalice:\n",
		"a line of 100 KiB": "alice:" + strings.Repeat("x", 100<<10) + "\n",
	} {
		if _, err := ReadUsers(strings.NewReader(file), nil); err == nil {
			t.Errorf("%s: accepted", what)
		} else if !errors.Is(err, fault.Invalid) && what != "a line of 100 KiB" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ReadUsers(strings.NewReader("bob:"+string(good)+"\n"), []string{"alice"}); !errors.Is(err, fault.Invalid) {
		t.Errorf("a writer who is no user: %v", err)
	}
}

// entryOf is what a PUT of data under a name says.
func entryOf(t *testing.T, name string, data []byte) store.Entry {
	t.Helper()
	list, err := content.Hash(t.Context(), strings.NewReader(string(data)), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return store.Entry{Name: name, Size: list.Size(), ID: list.ID(), Mode: 0o640, ModTime: time.Unix(1_700_000_000, 0)}
}
