package peer

import (
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

const (
	// mostTopics bounds the files that one remote may have to do with.
	mostTopics = 4096
	// mostStrange bounds in bytes what is remembered of files of theirs that
	// are not shared here.
	mostStrange = 4 << 20
	// mostMembers is how many remotes a node serves with one file at a time;
	// others are told of those.
	mostMembers = 48
	// enoughMembers is how many remotes a node looks for itself, per file, but
	// for the one it knew; about as many find it. More cost more than they
	// bring: a connection that is used all the time is faster than several
	// that begin anew for every chunk.
	enoughMembers = 6
)

// membership is what a link has to do with which files.
type membership struct {
	mu      sync.Mutex // guards the fields below
	members map[topic]*member
	entered chan struct{}              // closed when more is known of topics, or the link has ended
	gone    map[topic]bool             // topics they have left; nil when the link has ended
	strange map[topic]join             // files of theirs that are not shared here
	weight  int                        // of strange, in bytes
	told    map[content.ID]content.Set // what our JOINs said
}

func newMembership() membership {
	return membership{
		entered: make(chan struct{}), gone: map[topic]bool{},
		members: map[topic]*member{}, strange: map[topic]join{}, told: map[content.ID]content.Set{},
	}
}

// forget forgets a file that is not shared here. The caller holds the lock.
func (f *membership) forget(t topic) {
	if j, ok := f.strange[t]; ok {
		delete(f.strange, t)
		f.weight -= content.SetBytes(j.Has.Len())
	}
}

// handle does what a control message asks for. An error ends the link.
func (l *link) handle(kind frame.Type, body []byte) error {
	switch kind {
	case typeHello:
		return handling(body, decodeHello, l.greeted)
	case typeBye:
		m, err := decodeFailure(typeBye, body)
		if err != nil {
			return err
		}
		return fault.Wrapf(fault.Closed, "it ended the link: %s", m.Text)
	case typeJoin:
		return handling(body, decodeJoin, l.joined)
	case typeLeave:
		return handling(body, decodeLeave, l.leaves)
	case typeOffer:
		return about(l, body, decodeOffer, func(m *member, o offer) error {
			if err := m.swarm.check(o.Chunk); err != nil {
				return err
			}
			return m.swarm.offered(m, o)
		})
	case typeAnswer:
		return about(l, body, decodeAnswer, func(m *member, a answer) error {
			if err := m.swarm.check(a.Chunk); err != nil {
				return err
			}
			m.swarm.answered(m, a)
			return nil
		})
	case typeGot:
		return about(l, body, decodeGot, func(m *member, g got) error {
			if err := m.swarm.check(g.Chunk); err != nil {
				return err
			}
			m.swarm.sent(m, g.Chunk)
			return nil
		})
	case typeComing, typeLost:
		decode := func(b []byte) (news, error) { return decodeNews(kind, b) }
		return about(l, body, decode, func(m *member, n news) error {
			if err := m.swarm.check(n.Chunks...); err != nil {
				return err
			}
			m.swarm.heard(m, n)
			return nil
		})
	case typePeers:
		return about(l, body, decodePeers, func(m *member, p peers) error {
			m.swarm.introduced(m, p.Places)
			return nil
		})
	default:
		return nil // from a newer version: for those who know it
	}
}

// greeted handles the remote's HELLO.
func (l *link) greeted(m hello) error {
	if m.Version != version {
		return fault.Wrapf(fault.Version, "it speaks version %d of the protocol, this is %d", m.Version, version)
	}
	l.node.places.Learn(l.peer, m.Addrs)
	return nil
}

// handling decodes a message and does something with it.
func handling[M any](body []byte, decode func([]byte) (M, error), do func(M) error) error {
	m, err := decode(body)
	if err != nil {
		return err
	}
	return do(m)
}

// about does something with a message about a file. When the file is not
// shared any longer, the remote just does not know yet.
func about[M interface{ of() topic }](l *link, body []byte, decode func([]byte) (M, error), do func(*member, M) error) error {
	return handling(body, decode, func(msg M) error {
		if m := l.member(msg.of()); m != nil {
			return do(m, msg)
		}
		return nil
	})
}

func (m offer) of() topic  { return m.Topic }
func (m answer) of() topic { return m.Topic }
func (m got) of() topic    { return m.Topic }
func (m news) of() topic   { return m.Topic }
func (m peers) of() topic  { return m.Topic }

func (l *link) member(t topic) *member {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	return l.files.members[t]
}

// joined handles a remote's JOIN.
func (l *link) joined(j join) error {
	f := &l.files
	f.mu.Lock()
	_, known := f.strange[j.Topic]
	weight := content.SetBytes(j.Has.Len())
	full := len(f.members)+len(f.strange) >= mostTopics || f.weight+weight > mostStrange
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
		return fault.Wrapf(fault.TooLarge, "more files than are remembered of one node (%d)", mostTopics)
	}
	if s := l.node.swarm(j.ID); s != nil {
		return l.meet(s)
	}
	return nil
}

// meet brings the remote into a swarm, if it has to do with its file, after
// our own JOIN.
func (l *link) meet(s *swarm) error {
	id := s.list.ID()
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	for t, j := range l.files.strange {
		if j.ID != id {
			continue
		}
		if j.Size != s.list.Size() {
			return fault.Wrapf(fault.Protocol, "%s has %d bytes, not %d", id.Short(), s.list.Size(), j.Size)
		}
		if m := s.enter(l, j); m != nil {
			l.files.forget(t)
			l.files.members[t] = m
			l.files.changedLocked()
		} else {
			l.files.leftLocked(t) // there are enough: what it sends all the same is not waited for
		}
		return nil
	}
	return nil
}

// join says that this node has to do with the swarm's file.
func (l *link) join(s *swarm) error {
	l.files.mu.Lock()
	s.mu.Lock()
	l.introduceLocked(s)
	s.mu.Unlock()
	l.files.mu.Unlock()
	return l.meet(s)
}

// leaves handles a remote's LEAVE.
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
		was.swarm.quit(was, nil)
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
			f.strange[t] = join{Topic: t, ID: s.list.ID(), Size: s.list.Size(), Has: has}
			defer s.quit(m, nil)
		}
	}
	f.changedLocked() // who waits for one of this file waits in vain
	f.mu.Unlock()
	if told {
		l.post(leave{Topic: s.topic})
	}
}

// quitAll ends all memberships, when the link has ended with why.
func (l *link) quitAll(why error) {
	l.files.mu.Lock()
	all := l.files.members
	l.files.members = map[topic]*member{}
	l.files.gone = nil
	l.files.changedLocked()
	l.files.mu.Unlock()
	for _, m := range all {
		m.swarm.quit(m, why)
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
	if f.gone == nil {
		return
	}
	if len(f.gone) >= mostTopics {
		clear(f.gone)
	}
	f.gone[t] = true
}

// awaited gives the member behind a topic, nil when there is none any longer.
// A chunk travels on another stream than the JOIN of its file and may overtake
// that, as it may its offer.
func (l *link) awaited(t topic) *member {
	timeout := time.NewTimer(mostOvertaking)
	defer timeout.Stop()
	for {
		m, more := l.files.look(t, l.node)
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

// look gives the member behind a topic, or what to wait for until there is one.
func (f *membership) look(t topic, n *Node) (*member, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.members[t]
	j, strange := f.strange[t]
	over := f.gone == nil || f.gone[t] || strange && n.swarm(j.ID) == nil
	if m != nil || over {
		return m, nil
	}
	return nil, f.entered
}

// arrived hands a chunk to its swarm.
func (l *link) arrived(t topic, i int, p []byte) error {
	m := l.awaited(t)
	if m == nil {
		return nil // of a file that was withdrawn
	}
	if err := m.swarm.check(i); err != nil {
		return err
	}
	if want := m.swarm.list.ChunkLen(i); len(p) != want {
		return fault.Wrapf(fault.Corrupt, "chunk %d has %d bytes, not %d", i, len(p), want)
	}
	l.post(got{Topic: m.swarm.topic, Chunk: i})
	return m.swarm.received(m, i, p)
}
