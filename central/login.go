package central

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"starmesh/common/fault"
	"starmesh/common/retry"
)

const (
	// maxPassword is what bcrypt looks at, in bytes: it would ignore the rest.
	maxPassword = 72
	// maxChecks is how many passwords are checked at a time: bcrypt is slow on
	// purpose, and the server has other work.
	maxChecks = 2
	// maxWaiting is how many passwords from one address may be waiting or checked.
	maxWaiting = 4
	// freeGuesses is how many wrong ones in a row cost an address no pause.
	freeGuesses = 5
	// maxGuessers bounds the addresses that are remembered, maxGuessTime for how
	// long after they were wrong.
	maxGuessers  = 4096
	maxGuessTime = 10 * time.Minute
)

// guessPauses are those of an address that guesses on: it is told to wait.
var guessPauses = retry.Backoff{First: time.Second, Max: time.Minute}

// logins bounds what the checking of passwords costs. A right password is
// remembered, as a hash with a key of this process: HTTP brings it with every
// request. Addresses that are wrong again and again are not listened to for a
// while, and one address can not fill the queue.
type logins struct {
	key    [32]byte
	checks chan struct{} // room for maxChecks

	mu    sync.Mutex
	right map[string][32]byte // the remembered passwords, by user
	from  map[netip.Addr]*guesser
}

// guesser is an address whose passwords are being checked, or were wrong.
type guesser struct {
	waiting int
	wrong   int // in a row
	last    time.Time
	until   time.Time // it has to wait
}

func newLogins() *logins {
	l := &logins{checks: make(chan struct{}, maxChecks), right: map[string][32]byte{}, from: map[netip.Addr]*guesser{}}
	_, _ = rand.Read(l.key[:]) // it never fails
	return l
}

// tag is a keyed hash of a user's name and password.
func (l *logins) tag(name, password string) (tag [32]byte) {
	mac := hmac.New(sha256.New, l.key[:])
	mac.Write([]byte(name + "\x00" + password))
	mac.Sum(tag[:0])
	return tag
}

// knows reports whether the password with that tag was right before.
func (l *logins) knows(name string, tag [32]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.right[name]
	return ok && hmac.Equal(known[:], tag[:])
}

// enter waits for room to check a password from an address; leave must follow.
// It fails with fault.Busy, and after which time to come again.
func (l *logins) enter(ctx context.Context, from netip.Addr) error {
	if err := l.admit(from, time.Now()); err != nil {
		return err
	}
	select {
	case l.checks <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		l.from[from].waiting--
		return fault.Later(fault.Wrapf(fault.Busy, "too many are logging in at once"), 5*time.Second)
	}
}

func (l *logins) admit(from netip.Addr, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.from[from]
	switch {
	case g == nil:
		l.forget(now)
		g = &guesser{}
		l.from[from] = g
	case now.Before(g.until):
		return fault.Later(fault.Wrapf(fault.Busy, "too many wrong passwords from %s: wait", from), g.until.Sub(now))
	case g.waiting >= maxWaiting:
		return fault.Later(fault.Wrapf(fault.Busy, "%s has %d logins under way already", from, g.waiting), time.Second)
	}
	g.waiting++
	return nil
}

// forget makes room for one more guesser.
func (l *logins) forget(now time.Time) {
	if len(l.from) < maxGuessers {
		return
	}
	for from, g := range l.from { // any one if need be: maps have no order
		if g.waiting == 0 && (now.Sub(g.last) > maxGuessTime || len(l.from) >= maxGuessers) {
			delete(l.from, from)
		}
	}
}

// leave notes how a check from an address went.
func (l *logins) leave(from netip.Addr, right bool, now time.Time) {
	<-l.checks
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.from[from]
	g.waiting--
	g.last = now
	if right {
		g.wrong, g.until = 0, time.Time{}
	} else if g.wrong++; g.wrong >= freeGuesses {
		g.until = now.Add(guessPauses.Pause(g.wrong - freeGuesses + 1))
	}
	if g.wrong == 0 && g.waiting == 0 {
		delete(l.from, from)
	}
}

// check fails with fault.Unauthorized unless password is name's, and with
// fault.Busy, and a time to come again, when it can not be checked now. from is
// where it comes from.
func (u *Users) check(ctx context.Context, from netip.Addr, name, password string) error {
	if len(password) > maxPassword {
		return fault.Wrapf(fault.Unauthorized, "a password of more than %d bytes is not taken: bcrypt would ignore the rest of it", maxPassword)
	}
	tag := u.logins.tag(name, password)
	if u.logins.knows(name, tag) {
		return nil
	}
	if from.Is6() { // whoever has one has a whole network of them
		prefix, _ := from.Prefix(64)
		from = prefix.Addr()
	}
	if err := u.logins.enter(ctx, from); err != nil {
		return err
	}
	hash, known := u.hashes[name]
	if !known {
		hash = u.decoy(name)
	}
	right := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known
	u.logins.leave(from, right, time.Now())
	if !right {
		return fault.Wrapf(fault.Unauthorized, "wrong user name or password")
	}
	u.logins.mu.Lock()
	defer u.logins.mu.Unlock()
	u.logins.right[name] = tag
	return nil
}

// decoy returns a hash for a name that is not there, always the same one: time
// does not tell who exists, whatever costs the hashes have.
func (u *Users) decoy(name string) []byte {
	if len(u.names) == 0 {
		return nil
	}
	tag := u.logins.tag(name, "")
	return u.hashes[u.names[int(tag[0])%len(u.names)]]
}
