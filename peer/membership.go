package peer

import (
	"context"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	// maxTopics bounds the files that one remote may have to do with.
	maxTopics = 4096
	// maxStrange bounds in bytes what is remembered of files of theirs that
	// are not shared here.
	maxStrange = 4 << 20
)

// membership is what a link has to do with which files.
type membership struct {
	mu      sync.Mutex // guards the fields below
	members map[topic]*member
	entered chan struct{}              // closed when more is known of topics, or the link has ended
	gone    map[topic]bool             // topics they have left; nil when the link has ended
	former  map[topic]*member          // when it has: chunks may have come whole by then
	strange map[topic]join             // files of theirs that are not shared here
	weight  int                        // of strange, in bytes
	told    map[content.ID]content.Set // what our JOINs said
	turned  map[content.ID]turned      // files for which there was no room
}

func newMembership() membership {
	return membership{
		entered: make(chan struct{}), gone: map[topic]bool{},
		members: map[topic]*member{}, strange: map[topic]join{}, told: map[content.ID]content.Set{},
		turned: map[content.ID]turned{},
	}
}

// endedLocked returns whether the link has to do with no file any more, ever.
func (f *membership) endedLocked() bool { return f.gone == nil }

// forget forgets a file that is not shared here. The caller holds the lock.
func (f *membership) forget(t topic) {
	if j, ok := f.strange[t]; ok {
		delete(f.strange, t)
		f.weight -= content.SetBytes(j.Has.Len())
	}
}

func (l *link) member(t topic) *member {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	return l.files.members[t]
}

// joined handles JOIN.
func (l *link) joined(j join) error {
	f := &l.files
	f.mu.Lock()
	if f.endedLocked() {
		f.mu.Unlock()
		return nil
	}
	_, known := f.strange[j.Topic]
	weight := content.SetBytes(j.Has.Len())
	full := len(f.members)+len(f.strange) >= maxTopics || f.weight+weight > maxStrange
	known = known || f.members[j.Topic] != nil
	if !known && !full {
		delete(f.gone, j.Topic)
		f.strange[j.Topic] = j
		f.weight += weight
		f.changedLocked()
	}
	f.mu.Unlock()
	switch {
	case known:
		return fault.Wrapf(fault.Protocol, "topic %d is in use", j.Topic)
	case full:
		return fault.Wrapf(fault.TooLarge, "more files than are remembered of one node (%d)", maxTopics)
	}
	if s := l.node.shelf.swarm(j.ID); s != nil {
		return l.meet(s)
	}
	if l.node.shelf.holds(j.ID) {
		l.node.life.start(func(ctx context.Context) { _, _ = l.node.lend(ctx, j.ID) }) // it may have to be hashed
	}
	return nil
}

// meet brings the remote into a swarm, if it has to do with its file, after
// our own JOIN.
func (l *link) meet(s *swarm) error {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	t, j, ok := l.files.strangeLocked(s.list.ID())
	switch {
	case !ok:
		return nil
	case j.Size != s.list.Size() || j.Has.Len() != s.list.Len():
		return fault.Wrapf(fault.Protocol, "%s has %d bytes in %d chunks, not %d in %d", j.ID.Short(), s.list.Size(), s.list.Len(), j.Size, j.Has.Len())
	case l.enteredLocked(s, t, j):
		return nil
	}
	l.files.leftLocked(t) // what it sends all the same is not waited for
	return s.turnAway(l)
}

// join says that this node has to do with the swarm's file.
func (l *link) join(s *swarm) error {
	l.files.mu.Lock()
	s.mu.Lock()
	if !l.files.endedLocked() {
		l.introduceLocked(s)
	}
	s.mu.Unlock()
	l.files.mu.Unlock()
	return l.meet(s)
}

// introduceLocked posts this node's JOIN, unless it did so before, and returns
// what it said: what is held or on its way. The caller holds the locks of
// l.files and of the swarm.
func (l *link) introduceLocked(s *swarm) content.Set {
	id := s.list.ID()
	told, ok := l.files.told[id]
	if !ok {
		told = s.take.has()
		l.files.told[id] = told
		l.post(s.join(s.topic, told))
	}
	return told
}

// join is how has is told of the swarm's chunks.
func (s *swarm) join(t topic, has content.Set) join {
	what := typeJoin
	if _, folder := s.list.(*content.Collection); folder {
		what = typeGather
	}
	return join{what: what, Topic: t, ID: s.list.ID(), Size: s.list.Size(), Has: has}
}

// leaves handles LEAVE.
func (l *link) leaves(m leave) error {
	f := &l.files
	f.mu.Lock()
	was := f.members[m.Topic]
	delete(f.members, m.Topic)
	f.leftLocked(m.Topic)
	f.forget(m.Topic)
	f.changedLocked()
	f.mu.Unlock()
	if was != nil {
		was.swarm.quit(was)
	}
	return nil
}

// withdraw takes the remote out of a swarm that ends.
func (l *link) withdraw(s *swarm) {
	f := &l.files
	f.mu.Lock()
	_, told := f.told[s.list.ID()]
	delete(f.told, s.list.ID())
	for t, m := range f.members {
		if m.swarm == s {
			delete(f.members, t)
			has := content.NewSet(s.list.Len())
			f.weight += content.SetBytes(has.Len())
			f.strange[t] = s.join(t, has)
			defer s.quit(m)
		}
	}
	f.changedLocked() // who waits for one of this file waits in vain
	if told {
		l.post(leave{Topic: s.topic}) // before another JOIN of that topic can be
	}
	f.mu.Unlock()
}

// quitAll ends all memberships, and that there may be new ones: when the link
// has ended, and before another one takes its place.
func (l *link) quitAll() {
	l.files.mu.Lock()
	all := l.files.members
	l.files.members, l.files.strange, l.files.former = map[topic]*member{}, map[topic]join{}, all
	l.files.gone = nil
	l.files.changedLocked()
	l.files.mu.Unlock()
	for _, m := range all {
		m.swarm.quit(m)
	}
}

// changedLocked wakes those who wait for a member, or to know that there will
// be none.
func (f *membership) changedLocked() {
	close(f.entered)
	f.entered = make(chan struct{})
}

// leftLocked remembers a topic that the remote has left: chunks of it may still
// come. To forget some is no harm.
func (f *membership) leftLocked(t topic) {
	if f.endedLocked() {
		return
	}
	if len(f.gone) >= maxTopics {
		clear(f.gone)
	}
	f.gone[t] = true
}

// awaited returns the member behind a topic, or who was when the link ended; nil
// when there is none any longer.
// A chunk travels on another stream than the JOIN of its file and may overtake
// that, as it may its offer.
func (l *link) awaited(t topic) *member {
	timeout := time.NewTimer(maxOvertaking)
	defer timeout.Stop()
	for {
		m, more := l.files.look(t, &l.node.shelf)
		if more == nil {
			return m
		}
		select {
		case <-more:
		case <-timeout.C:
			return nil
		}
	}
}

// look returns the member behind a topic, or what to wait for until there is one.
func (f *membership) look(t topic, shared *shelf) (*member, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.endedLocked() {
		return f.former[t], nil
	}
	m := f.members[t]
	j, strange := f.strange[t]
	if m != nil || f.gone[t] || strange && shared.swarm(j.ID) == nil {
		return m, nil
	}
	return nil, f.entered
}
