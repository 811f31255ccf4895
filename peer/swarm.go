package peer

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
	"starmesh/common/transfer"
	"starmesh/peer/scheduler"
)

const (
	// maxMembers is how many remotes a node serves with one file at a time;
	// others are told of those.
	maxMembers = 48
	// enoughMembers is how many remotes a node looks for itself, per file, but
	// for the one it knew; about as many find it. More cost more than they
	// bring: a connection that is used all the time is faster than several
	// that begin anew for every chunk.
	enoughMembers = 6
	// maxPeersRate is how often in a second a remote is heard that tells of
	// others, beyond once for each file, and of one file maxPeersAtOnce times.
	maxPeersRate   = 1
	maxPeersAtOnce = 64
	// dryTime is how long nothing arrives before the table is asked for more who
	// have the file, however many there are.
	dryTime = 3 * time.Second
)

// swarm is one file at this node, or the contents of a folder, and all remotes
// that have to do with it. It
// asks the scheduler what to do and does it, in two halves: what this node
// gives (seeds, uploads) and what it takes (leeches, downloads); and it draws on
// servers that have the file. All of it may be used from several goroutines.
type swarm struct {
	node  *Node
	name  string
	file  atHand
	list  chunks
	topic topic // ours
	quiet bool  // it is not told of in FILES

	mu      sync.Mutex // guards the fields below, those of the halves and of the members
	members map[scheduler.ID]*member
	give    giving
	take    taking
	draw    drawing
	search  search

	turnedAway bool      // somebody waits for a place
	invited    time.Time // when those were looked through last
}

// search is that for more remotes that have the file.
type search struct {
	looked  int  // remotes that others told of and were dialled
	seeking bool // the table is asked for more of them
}

// member is a remote that has to do with a file.
type member struct {
	swarm *swarm
	link  *link
	topic topic         // theirs
	left  chan struct{} // closed when it is one no longer

	claims        *transfer.Claimant // what it has promised to bring
	introductions quota              // of its PEERS; the link's reader's

	// The swarm's mutex guards these.
	active  time.Time     // when it last took a chunk or brought one; at first, when it joined
	quota   quota         // of its offers
	pending []int         // announcements it has not been told of
	expect  map[int]int   // chunks that it may send, and how often
	offers  chan struct{} // closed, and made anew, when expect has grown
}

// newSwarm makes the swarm of a file of which more is taken until its intake is
// closed.
func newSwarm(n *Node, name string, file atHand, t topic, cfg transfer.Config) *swarm {
	s := &swarm{
		node: n, name: name, file: file, list: file.chunks(), topic: t,
		members: map[scheduler.ID]*member{},
	}
	s.give = giving{swarm: s, giver: scheduler.NewGiver(n.self.key, file.Have())}
	s.give.giver.Lengths(func(i int) float64 { return float64(s.list.ChunkLen(i)) / float64(s.list.ChunkSize()) })
	s.take = taking{swarm: s, taker: scheduler.NewTaker(n.givers), intake: transfer.NewIntake(file.sink(), cfg)}
	s.draw = newDrawing(s)
	return s
}

func (s *swarm) enterLocked(l *link, j join) *member {
	m := &member{
		swarm: s, link: l, topic: j.Topic, left: make(chan struct{}),
		claims: s.take.intake.Claimant(l.peer.String()),
		active: time.Now(),
		expect: map[int]int{}, offers: make(chan struct{}),
	}
	told, has := l.introduceLocked(s), s.take.has()
	for i := range has.Minus(told).All() {
		m.pending = append(m.pending, i) // news since our JOIN
	}
	l.post(s.othersLocked(l))
	for part := range slices.Chunk(slices.Collect(told.Minus(has).All()), maxEach) {
		l.post(news{what: typeLost, Topic: s.topic, Chunks: part})
	}
	s.members[l.key] = m
	s.usesLocked(l.peer, true)
	s.draw.tellLocked(m)
	s.give.giver.Join(l.key, j.Has)
	s.give.actLocked()
	return m
}

// othersLocked is what the remote of l is told of the members, not more often than
// it would hear: to look up where they are is the dearest part of a JOIN. The caller
// holds the lock of l.files.
func (s *swarm) othersLocked(l *link) peers {
	if !l.introduced.take(time.Now(), maxPeersRate, maxTopics) {
		return peers{Topic: s.topic}
	}
	return peers{Topic: s.topic, Places: s.node.around.Tellable(l.peer, s.peersLocked(l))}
}

// peersLocked returns the members but one.
func (s *swarm) peersLocked(but *link) []peer.ID {
	var ids []peer.ID
	for _, m := range s.members {
		if m.link != but {
			ids = append(ids, m.link.peer)
		}
	}
	return ids
}

// quit makes m a member no longer.
func (s *swarm) quit(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quitLocked(m)
}

func (s *swarm) quitLocked(m *member) {
	if s.members[m.link.key] != m {
		return
	}
	delete(s.members, m.link.key)
	s.usesLocked(m.link.peer, false)
	close(m.left)
	s.give.giver.Leave(m.link.key)
	s.draw.drawers.Left(m.link.key)
	s.take.lostLocked(m.claims.ReleaseAll())
	s.give.actLocked()
}

// usesLocked has the connection with a member outlive those of no use, while it is
// one.
func (s *swarm) usesLocked(p peer.ID, member bool) {
	if s.node.host != nil {
		s.node.host.Uses(p, s.list.ID().String(), member)
	}
}

// tick does what time alone brings about. While the process missed its time on a
// processor nothing was heard: that is nobody's silence.
func (s *swarm) tick(now time.Time, missed time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if missed > 0 {
		s.take.intake.Excuse(missed)
		s.give.giver.Excuse(missed, now)
		s.draw.excuseLocked(missed)
	}
	s.seekLocked(now)
	s.inviteLocked(now)
	s.draw.tickLocked(now)
	if len(s.members) == 0 {
		return
	}
	s.take.giveUpLocked(now)
	s.give.giver.Tick(now)
	s.give.actLocked()
}

// seekLocked has the table looked through for who has the file, while that is
// of use.
func (s *swarm) seekLocked(now time.Time) {
	few := len(s.members) < enoughMembers || s.take.intake.Idle() > dryTime
	seek := s.take.fetching && few
	if seek == s.search.seeking {
		return
	}
	s.search.seeking = seek
	if seek {
		s.node.around.Want(s.list.ID())
	} else {
		s.node.around.Enough(s.list.ID())
	}
}

// introduced has as many of those dialled that m tells of (peer exchange) as are
// still lacking. While they are dialled no others are: a crowd may tell of many at
// once.
func (s *swarm) introduced(m *member, places []peer.AddrInfo) {
	s.draw.introduced(m, places)
	s.mu.Lock()
	lacking := enoughMembers - s.search.looked
	s.search.looked += lacking
	s.mu.Unlock()
	dialled := s.node.around.Told(m.link.peer, places, lacking)
	s.mu.Lock()
	s.search.looked -= lacking - dialled
	s.mu.Unlock()
}

// check refuses chunk numbers outside the file.
func (s *swarm) check(chunks ...int) error {
	for _, i := range chunks {
		if i < 0 || i >= s.list.Len() {
			return fault.Wrapf(fault.Protocol, "chunk %d of a file with %d", i, s.list.Len())
		}
	}
	return nil
}
