package peer

import (
	"context"
	"net/netip"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/retry"
	"starmesh/peer/scheduler"
)

// Who may be a member of a swarm that is full: a place is for whoever uses it,
// and is not taken by coming first, often, or under many names.

const (
	// idleTime is for how long a member takes and brings nothing before its place
	// is for another, if there are maxMembers; more on an uplink that does not
	// come round to all in that time.
	idleTime = 10 * time.Second
	// maxCrowd is how many of maxMembers there may be from one address, once there
	// are some from another: names cost nothing, addresses do. Of one network of
	// addresses so many keep their places when others want them.
	maxCrowd = maxMembers / 4
	// maxImpatient is how often a remote may ask again before its time.
	maxImpatient = 16
	// inviteTime is how often those who were turned away are looked through.
	inviteTime = time.Second
)

// askAgainPauses are how long one that was turned away is not answered.
var askAgainPauses = retry.Backoff{First: time.Second, Max: time.Minute}

// turned is that a remote was turned away from a file.
type turned struct {
	times, impatient int
	until            time.Time // it is not answered before
}

// enter makes the remote of l a member, unless there are enough. The caller
// holds the lock of l.files.
func (s *swarm) enter(l *link, j join) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.members[l.key]; old != nil {
		s.quitLocked(old) // its link has been replaced by this one
	}
	mayCome := s.thinLocked(networkOf(l.from, oneAddress))
	if mayCome && len(s.members) == maxMembers {
		s.makeRoomLocked(l, time.Now())
	}
	if !mayCome || len(s.members) == maxMembers {
		s.turnedAway = true
		return nil
	}
	return s.enterLocked(l, j)
}

// thinLocked returns whether one more may come from an address. If so, others
// than that keep no more than a crowd.
func (s *swarm) thinLocked(own netip.Prefix) bool {
	crowds := s.fromLocked(oneAddress)
	here := len(crowds[own])
	delete(crowds, own)
	if len(crowds) > 0 && here >= maxCrowd {
		return false
	}
	for _, g := range crowds {
		for len(g) > maxCrowd {
			goes := idlest(g)
			delete(g, goes.link.key)
			s.replaceLocked(goes)
		}
	}
	return true
}

// replaceLocked ends a membership so that another may have its place.
func (s *swarm) replaceLocked(m *member) {
	s.quitLocked(m)
	// Not now: that takes the lock of another link's files.
	s.node.life.start(func(context.Context) { m.link.withdraw(s) })
}

// turnAway answers one for whom there is no room, with others to turn to; not
// while it was told to wait. The caller holds the lock of l.files.
func (s *swarm) turnAway(l *link) error {
	id, now := s.list.ID(), time.Now()
	t := l.files.turned[id]
	if now.Before(t.until) {
		t.impatient++
		l.files.turned[id] = t
		if t.impatient > maxImpatient {
			return fault.Wrapf(fault.Busy, "it asks for %s again and again, though there is no room", id.Short())
		}
		return nil
	}
	t.times++
	t.until = now.Add(askAgainPauses.Pause(t.times))
	l.files.turned[id] = t
	s.mu.Lock()
	defer s.mu.Unlock()
	l.introduceLocked(s) // LEAVE is of a topic that was JOINed
	l.post(s.othersLocked(l), leave{Topic: s.topic})
	delete(l.files.told, id)
	return nil
}

// makeRoomLocked ends a membership for l, if one has no claim to its place: one
// of a crowd, or else the one that has taken and brought nothing for longest, if
// that is too long.
func (s *swarm) makeRoomLocked(l *link, now time.Time) {
	goes := idlest(s.crowdLocked(l))
	if goes == nil {
		goes = idlest(s.members)
		round := time.Duration(len(s.members)) * s.give.giver.ChunkTime(now)
		if now.Sub(goes.active) < max(idleTime, 2*round) {
			return
		}
	}
	s.replaceLocked(goes)
}

// crowdLocked returns the members from the one address, or else network, that
// has the most, if those are more than a crowd may be and than there would be
// from where l is; none otherwise.
func (s *swarm) crowdLocked(l *link) map[scheduler.ID]*member {
	for _, bits := range [][2]int{oneAddress, oneNetwork} {
		groups := s.fromLocked(bits)
		var largest map[scheduler.ID]*member
		for _, g := range groups {
			if len(g) > len(largest) {
				largest = g
			}
		}
		if len(largest) > max(maxCrowd, len(groups[networkOf(l.from, bits)])+1) {
			return largest
		}
	}
	return nil
}

// How many bits of an address of IPv4 and of IPv6 tell who has it.
var oneAddress, oneNetwork = [2]int{32, 64}, [2]int{24, 48}

// fromLocked returns the members by where they are.
func (s *swarm) fromLocked(bits [2]int) map[netip.Prefix]map[scheduler.ID]*member {
	groups := map[netip.Prefix]map[scheduler.ID]*member{}
	for key, m := range s.members {
		at := networkOf(m.link.from, bits)
		if groups[at] == nil {
			groups[at] = map[scheduler.ID]*member{}
		}
		groups[at][key] = m
	}
	return groups
}

func networkOf(addr netip.Addr, bits [2]int) netip.Prefix {
	n := bits[0]
	if addr.Is6() {
		n = bits[1]
	}
	network, _ := addr.Prefix(n) // the zero value has none
	return network
}

// idlest returns the member that has taken and brought nothing for longest; nil
// of none.
func idlest(members map[scheduler.ID]*member) (idle *member) {
	for _, m := range members {
		if idle == nil || m.active.Before(idle.active) {
			idle = m
		}
	}
	return idle
}

// inviteLocked has those let in who were turned away, when their time has come:
// in good order nobody asks twice.
func (s *swarm) inviteLocked(now time.Time) {
	if s.turnedAway && now.Sub(s.invited) >= inviteTime {
		s.invited = now
		s.node.life.start(func(context.Context) { s.invite() })
	}
}

// invite lets in one that was turned away, and more while there is room.
func (s *swarm) invite() {
	waiting := false
	for _, l := range s.node.links.all() {
		in, waits := l.invited(s)
		waiting = waiting || waits
		if in && s.full() {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnedAway = waiting
}

func (s *swarm) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members) == maxMembers
}

// invited lets the remote of l into s if it was turned away and there is room for
// it; waits tells whether it was.
func (l *link) invited(s *swarm) (in, waits bool) {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	if _, waits = l.files.turned[s.list.ID()]; !waits {
		return false, false
	}
	t, j, ok := l.files.strangeLocked(s.list.ID())
	return ok && l.enteredLocked(s, t, j), ok
}

// enteredLocked makes the remote a member of s by its JOIN, if there is room. The
// caller holds the lock of l.files.
func (l *link) enteredLocked(s *swarm, t topic, j join) bool {
	m := s.enter(l, j)
	if m == nil {
		return false
	}
	l.files.forget(t)
	delete(l.files.turned, j.ID)
	delete(l.files.gone, t)
	l.files.members[t] = m
	l.files.changedLocked()
	return true
}

// strangeLocked returns the JOIN of a file that the remote is no member of.
func (f *membership) strangeLocked(id content.ID) (topic, join, bool) {
	for t, j := range f.strange {
		if j.ID == id {
			return t, j, true
		}
	}
	return 0, join{}, false
}
