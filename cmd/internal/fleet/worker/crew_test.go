package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/cmd/internal/fleet"
	"starmesh/common/fault"
)

// heard is what a manager says: where it is, and what it warns of.
type heard struct {
	addr   chan string
	warned chan string
}

func (*heard) Note(string, ...any) {}

func (h *heard) Warn(format string, args ...any) {
	select {
	case h.warned <- fmt.Sprintf(format, args...):
	default: // nobody asks
	}
}

func (h *heard) Event(name string, fields any) {
	if name == "invite" {
		h.addr <- fields.(map[string]any)["address"].(string)
	}
}

// TestWhereNodesListenFollowsFromWhereTheyHaveComeFrom: what listens on loopback is
// found only by those that came over it.
func TestWhereNodesListenFollowsFromWhereTheyHaveComeFrom(t *testing.T) {
	for what, c := range map[string]struct {
		came         []string // REMOTE>LOCAL
		host, shared string
	}{
		"loopback":              {[]string{"127.0.0.1>127.0.0.1", "127.0.0.1>127.0.0.1"}, "127.0.0.1", ""},
		"that of IPv6":          {[]string{"::1>::1"}, "::1", ""},
		"mapped":                {[]string{"::ffff:127.0.0.1>::ffff:127.0.0.1"}, "127.0.0.1", ""},
		"a network":             {[]string{"192.0.2.7>192.0.2.1", "198.51.100.7>192.0.2.1"}, "192.0.2.1", "192.0.2.1"},
		"one beside":            {[]string{"127.0.0.1>127.0.0.1", "192.0.2.7>192.0.2.1"}, "192.0.2.1", "192.0.2.1"},
		"one beside, and IPv6":  {[]string{"::1>::1", "2001:db8::7>2001:db8::1"}, "2001:db8::1", "2001:db8::1"},
		"two networks":          {[]string{"192.0.2.7>192.0.2.1", "10.0.0.7>10.0.0.1"}, "0.0.0.0", "0.0.0.0"},
		"both families":         {[]string{"192.0.2.7>192.0.2.1", "2001:db8::7>2001:db8::1"}, "::", "::"},
		"loopback of both":      {[]string{"127.0.0.1>127.0.0.1", "::1>::1"}, "::", "::"},
		"a tunnel and loopback": {[]string{"127.0.0.1>127.0.0.1", "127.0.0.1>127.0.0.1", "192.0.2.7>192.0.2.1"}, "192.0.2.1", "192.0.2.1"},
	} {
		crew := new(Crew)
		for _, ends := range c.came {
			remote, local, _ := strings.Cut(ends, ">")
			crew.nodes = append(crew.nodes, Remote{&fleet.Member{Remote: &net.TCPAddr{IP: net.ParseIP(remote)}, Local: &net.TCPAddr{IP: net.ParseIP(local)}}})
		}
		if host, shared := crew.Host(), crew.shared(); host != c.host || shared != c.shared {
			t.Errorf("%s: a node here listens at %s, want %s; others are told %q, want %q", what, host, c.host, shared, c.shared)
		}
	}
}

// TestANodeListensWhereItsManagerSaysOnlyIfItKnowsNoBetter.
func TestANodeListensWhereItsManagerSaysOnlyIfItKnowsNoBetter(t *testing.T) {
	for _, c := range []struct{ own, host, want string }{
		{"127.0.0.1", "", "127.0.0.1"},
		{"127.0.0.1", "0.0.0.0", "0.0.0.0"},
		{"127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"::1", "::", "::"},
		{"127.0.0.1", "192.0.2.77", "127.0.0.1"}, // of another machine
		{"127.0.0.1", "--flag", "127.0.0.1"},
		{"192.0.2.7", "0.0.0.0", "192.0.2.7"},
	} {
		at := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(c.own)})
		if got := listensAt(httptest.NewRequestWithContext(at, "POST", "/run", nil), c.host); got != c.want {
			t.Errorf("at %s, told %q, it listens at %s, want %s", c.own, c.host, got, c.want)
		}
	}
}

// gather gathers nodes of these names, which answer nothing. leave ends one.
func gather(t *testing.T, wanted Wanted, names ...string) (c *Crew, leave func(name string)) {
	t.Helper()
	h := &heard{make(chan string, 1), make(chan string, 8)}
	code, leaving := fleet.NewCode(), make(map[string]context.CancelFunc)
	wanted.Listen, wanted.Nodes, wanted.Given = "127.0.0.1:0", len(names), []fleet.Code{code}
	var joining sync.WaitGroup
	joining.Go(func() {
		addr := <-h.addr
		for _, name := range names {
			ctx, stop := context.WithCancel(context.Background())
			leaving[name] = stop
			joined := make(chan struct{})
			joining.Go(func() {
				_ = fleet.Join(ctx, fleet.Joining{
					Manager: addr, Code: code, Hello: fleet.Hello{Name: name, Host: "here", Program: "1.0"}, Handler: http.NotFoundHandler(),
					Joined: func(fleet.Welcome) { close(joined) },
				})
			})
			<-joined
		}
	})
	c, err := Gather(t.Context(), wanted, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Dismiss(); err != nil {
			t.Error(err)
		}
		joining.Wait()
	})
	return c, func(name string) {
		_, changed := c.roster.Members()
		leaving[name]()
		<-changed
	}
}

func TestItGoesOnWithoutNodesThatLeaveIfItMay(t *testing.T) {
	for _, least := range []int{0, 2} {
		c, leave := gather(t, Wanted{Min: least}, "a", "b", "c")
		if here, err := c.Await(t.Context(), 3); err != nil || !slices.Equal(names(here), []string{"a", "b", "c"}) {
			t.Fatalf("all are here: %v, %v", names(here), err)
		}
		leave("a")
		if here, err := c.Await(t.Context(), 2); err != nil || !slices.Equal(names(here), []string{"b", "c"}) {
			t.Errorf("two are enough: %v, %v", names(here), err)
		}
		c.late = time.Millisecond
		here, err := c.Await(t.Context(), 3)
		if least == 0 && (!errors.Is(err, fault.NoSource) || !strings.Contains(err.Error(), "2 of 3 nodes are left, without a; --min-nodes 2 would go on")) {
			t.Errorf("all are needed: %v, %v", names(here), err)
		}
		if least > 0 && (err != nil || !slices.Equal(names(here), []string{"b", "c", "a"})) {
			t.Errorf("two of three will do: %v, %v", names(here), err)
		}
		c.late = time.Hour // in vain it is waited for once
		if _, again := c.Await(t.Context(), 3); (again == nil) != (err == nil) {
			t.Errorf("again: %v", again)
		}
		leave("b")
		c.late = time.Millisecond
		if here, err := c.Await(t.Context(), 3); !errors.Is(err, fault.NoSource) {
			t.Errorf("one is left: %v, %v", names(here), err)
		}
	}
}

// TestANodeOfAnotherVersionIsToldAtOnce, and stands in the way of a lab.
func TestANodeOfAnotherVersionIsToldAtOnce(t *testing.T) {
	c, _ := gather(t, Wanted{Program: "2.0"}, "a")
	if got := <-c.seen.(*heard).warned; got != "a runs starmesh 1.0, and this is 2.0" {
		t.Errorf("%q", got)
	}
	if got := c.Check(t.Context(), c.Here(), true, 0); !slices.Contains(got, "a runs starmesh 1.0, and this machine runs 2.0") {
		t.Errorf("before a push: %q", got)
	}
}
