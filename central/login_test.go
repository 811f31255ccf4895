package central

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"starmesh/common/fault"
)

var (
	someAddr  = netip.MustParseAddr("192.0.2.1")
	otherAddr = netip.MustParseAddr("192.0.2.2")
)

// TestAnUnknownNameTakesAsLongAsAKnownOne: a hash of the file stands in for it,
// for each name always the same, and for many names all of them. So the time
// does not tell who exists, though costs differ.
func TestAnUnknownNameTakesAsLongAsAKnownOne(t *testing.T) {
	var file strings.Builder
	for n := range 4 {
		hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost+n)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&file, "user%d:%s\n", n, hash)
	}
	users, err := ReadUsers(strings.NewReader(file.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	costs := map[int]bool{}
	for n := range 200 {
		name := fmt.Sprint("nobody", n)
		cost, err := bcrypt.Cost(users.decoy(name))
		if again, _ := bcrypt.Cost(users.decoy(name)); err != nil || again != cost {
			t.Fatalf("%s is checked at cost %d and at %d (%v)", name, cost, again, err)
		}
		costs[cost] = true
	}
	if len(costs) != 4 {
		t.Errorf("unknown names are checked at the costs %v", costs)
	}
	if empty, err := ReadUsers(strings.NewReader(""), nil); err != nil {
		t.Error(err)
	} else if err := empty.check(t.Context(), someAddr, "x", "x"); !errors.Is(err, fault.Unauthorized) {
		t.Errorf("nobody may come in: %v", err)
	}
}

// TestWhoGuessesWaits, longer each time, and nobody else does.
func TestWhoGuessesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := users(t, nil, "alice")
		for n := range freeGuesses {
			if err := u.check(t.Context(), someAddr, "alice", fmt.Sprint(n)); !errors.Is(err, fault.Unauthorized) {
				t.Fatalf("guess %d: %v", n, err)
			}
		}
		for n, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			err := u.check(t.Context(), someAddr, "alice", "ecila")
			if !errors.Is(err, fault.Busy) || fault.RetryAfter(err) != want {
				t.Errorf("pause %d: %v, %v", n, err, fault.RetryAfter(err))
			}
			time.Sleep(want)
			if n < 2 {
				_ = u.check(t.Context(), someAddr, "alice", "wrong again")
			}
		}
		if err := u.check(t.Context(), otherAddr, "alice", "ecila"); err != nil {
			t.Errorf("from elsewhere: %v", err)
		}
		if err := u.check(t.Context(), someAddr, "alice", "ecila"); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		if err := u.check(t.Context(), someAddr, "alice", "x"); !errors.Is(err, fault.Unauthorized) {
			t.Errorf("a right one ends the count: %v", err)
		}
	})
}

// TestARightPasswordIsRemembered: it costs bcrypt once, also for an address that
// guesses; another password of the same user does not pass.
func TestARightPasswordIsRemembered(t *testing.T) {
	u := users(t, nil, "alice", "bob")
	if err := u.check(t.Context(), someAddr, "alice", "ecila"); err != nil {
		t.Fatal(err)
	}
	for range maxChecks {
		u.logins.checks <- struct{}{} // nothing can be checked
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for what, c := range map[string]struct {
		user, password string
		want           error
	}{
		"the same":         {"alice", "ecila", nil},
		"another password": {"alice", "alice", fault.Busy},
		"another user's":   {"bob", "ecila", fault.Busy},
		"another user":     {"bob", "bob", fault.Busy},
	} {
		if err := u.check(ended, someAddr, c.user, c.password); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
	}
}

// TestOneAddressDoesNotFillTheQueue: its fifth password waits for an answer
// elsewhere.
func TestOneAddressDoesNotFillTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := users(t, nil, "alice")
		for range maxChecks {
			u.logins.checks <- struct{}{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		for n := range maxWaiting {
			go func() { _ = u.check(ctx, someAddr, "alice", fmt.Sprint(n)) }()
		}
		synctest.Wait()
		for _, same := range []string{"192.0.2.1", "192.0.2.1"} {
			err := u.check(ctx, netip.MustParseAddr(same), "alice", "ecila")
			if !errors.Is(err, fault.Busy) || fault.RetryAfter(err) != time.Second {
				t.Errorf("one more: %v", err)
			}
		}
		go func() { <-u.logins.checks }()
		if err := u.check(ctx, otherAddr, "alice", "ecila"); err != nil {
			t.Errorf("from elsewhere: %v", err)
		}
		cancel()
		synctest.Wait()
		for range maxChecks - 1 {
			<-u.logins.checks
		}
		u.logins.mu.Lock()
		defer u.logins.mu.Unlock()
		if g := u.logins.from[someAddr]; g != nil && g.waiting != 0 {
			t.Errorf("%d are left in the books", g.waiting)
		}
	})
}

// TestAnIPv6NetworkIsOneAddress: whoever has one has as many as he likes.
func TestAnIPv6NetworkIsOneAddress(t *testing.T) {
	u := users(t, nil, "alice")
	for n := range freeGuesses {
		_ = u.check(t.Context(), netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", n+1)), "alice", "x")
	}
	if err := u.check(t.Context(), netip.MustParseAddr("2001:db8::ffff"), "alice", "ecila"); !errors.Is(err, fault.Busy) {
		t.Errorf("the neighbour: %v", err)
	}
	if err := u.check(t.Context(), netip.MustParseAddr("2001:db8:0:1::1"), "alice", "ecila"); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// TestALongPasswordIsRefused and not cut in silence.
func TestALongPasswordIsRefused(t *testing.T) {
	long := strings.Repeat("x", maxPassword)
	hash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	u, err := ReadUsers(strings.NewReader("alice:"+string(hash)+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.check(t.Context(), someAddr, "alice", long); err != nil {
		t.Errorf("72 bytes: %v", err)
	}
	if err := u.check(t.Context(), someAddr, "alice", long+"y"); !errors.Is(err, fault.Unauthorized) || !strings.Contains(err.Error(), "72 bytes") {
		t.Errorf("73 bytes: %v", err)
	}
}

// TestGuessersAreForgotten: as many addresses as one likes take only so much
// room.
func TestGuessersAreForgotten(t *testing.T) {
	l := newLogins()
	addr := someAddr
	for range 2 * maxGuessers {
		if err := l.enter(t.Context(), addr); err != nil {
			t.Fatal(err)
		}
		l.leave(addr, false, time.Now())
		addr = addr.Next()
	}
	if n := len(l.from); n > maxGuessers {
		t.Errorf("%d addresses are remembered", n)
	}
}
