package peer

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer/scheduler"
)

const (
	// Announcements are collected while the uplink sends so many chunks, within
	// bounds: each costs every neighbour a packet, and in the simulation twice
	// as many chunks made little difference.
	batchChunks = 16
	leastBatch  = 20 * time.Millisecond
	mostBatch   = time.Second
	// mostEarly is how many offers may wait for our side to begin fetching.
	mostEarly = 64
)

// swarm is one file at this node and all remotes that have to do with it. It
// asks the scheduler what to do and does it. All of it may be used from several
// goroutines.
type swarm struct {
	node  *Node
	name  string
	file  store.File
	list  content.ChunkList
	topic topic // ours

	mu      sync.Mutex // guards the fields below, and those of its members
	giver   *scheduler.Giver
	taker   *scheduler.Taker
	members map[scheduler.ID]*member
	claims  map[int]*pledge
	missing int                    // chunks that have not arrived
	sources chan<- transfer.Source // set while a fetch runs
	waiting bool                   // for when a chunk may be sent
	flush   *time.Timer            // set while announcements wait
	touched time.Time              // when a chunk last arrived
	looked  int                    // remotes that others told of and were dialled
	seeking bool                   // the table is asked for more of them
}

// member is a remote that has to do with a file.
type member struct {
	swarm *swarm
	link  *link
	topic topic         // theirs
	left  chan struct{} // closed when it is one no longer
	err   error         // why, once left is closed

	// The swarm's mutex guards these.
	wanted  transfer.Wanted // set while its source runs
	early   []offer         // came before that
	pending []int           // announcements it has not been told of
	expect  content.Set     // chunks that it may send
	offers  chan struct{}   // closed, and made anew, when expect has grown
}

// pledge is a chunk that a member is about to send.
type pledge struct {
	by      *member
	release func()
}

func newSwarm(n *Node, name string, file store.File, t topic) *swarm {
	have := file.Have()
	return &swarm{
		node: n, name: name, file: file, list: file.List(), topic: t,
		giver:   scheduler.NewGiver(n.key, have),
		taker:   scheduler.NewTaker(),
		members: map[scheduler.ID]*member{},
		claims:  map[int]*pledge{},
		missing: have.Len() - have.Count(),
	}
}

// introduceLocked posts this node's JOIN, unless it did so before, and gives
// what it said: what is held or on its way. The caller holds the locks of
// l.files and of the swarm.
func (l *link) introduceLocked(s *swarm) content.Set {
	id := s.list.ID()
	told, ok := l.files.told[id]
	if !ok {
		told = s.hasLocked()
		l.files.told[id] = told
		l.post(join{Topic: s.topic, ID: id, Size: s.list.Size(), Has: told})
	}
	return told
}

func (s *swarm) hasLocked() content.Set {
	has := s.file.Have()
	for i := range s.claims {
		has.Add(i)
	}
	return has
}

// enter makes the remote of l a member, unless there are enough. The caller
// holds the lock of l.files.
func (s *swarm) enter(l *link, j join) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.members[l.key]; old != nil {
		s.quitLocked(old, nil) // its link has been replaced by this one
	}
	if len(s.members) < mostMembers {
		return s.enterLocked(l, j)
	}
	l.introduceLocked(s) // LEAVE is of a topic that was JOINed
	l.post(peers{Topic: s.topic, Places: s.node.places.Tellable(l.peer, s.peersLocked(l))}, leave{Topic: s.topic})
	delete(l.files.told, j.ID)
	return nil
}

func (s *swarm) enterLocked(l *link, j join) *member {
	m := &member{swarm: s, link: l, topic: j.Topic, left: make(chan struct{}), expect: content.NewSet(s.list.Len()), offers: make(chan struct{})}
	told := l.introduceLocked(s)
	for i := range s.hasLocked().Minus(told).All() {
		m.pending = append(m.pending, i) // news since our JOIN
	}
	l.post(peers{Topic: s.topic, Places: s.node.places.Tellable(l.peer, s.peersLocked(l))})
	s.members[l.key] = m
	s.giver.Join(l.key, j.Has)
	s.sourceLocked(m)
	s.actLocked()
	return m
}

// peersLocked gives the members but one.
func (s *swarm) peersLocked(but *link) []peer.ID {
	var ids []peer.ID
	for _, m := range s.members {
		if m.link != but {
			ids = append(ids, m.link.peer)
		}
	}
	return ids
}

// introduced handles PEERS: it looks for as many as are still lacking.
func (s *swarm) introduced(m *member, places []peer.AddrInfo) {
	s.mu.Lock()
	lacking := enoughMembers - s.looked
	s.mu.Unlock()
	dialled := s.node.places.Told(m.link.peer, places, lacking)
	s.mu.Lock()
	s.looked += dialled
	s.mu.Unlock()
}

// quit makes m a member no longer.
func (s *swarm) quit(m *member, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quitLocked(m, why)
}

func (s *swarm) quitLocked(m *member, why error) {
	if s.members[m.link.key] != m {
		return
	}
	delete(s.members, m.link.key)
	m.err = why
	close(m.left)
	s.giver.Leave(m.link.key)
	s.dropLocked(s.taker.Left(m.link.key))
	s.actLocked()
}

// dropLocked gives up what was promised and does not come. What has come this
// moment, and will be noted as soon as the lock is free, is not told as lost: it
// would be sent once more.
func (s *swarm) dropLocked(chunks []int) {
	if len(chunks) == 0 {
		return
	}
	have := s.file.Have()
	chunks = slices.DeleteFunc(chunks, have.Has)
	for _, i := range chunks {
		p := s.claims[i]
		if p == nil {
			continue
		}
		delete(s.claims, i)
		p.release()
		s.giver.NotComing(i)
	}
	for _, m := range s.members {
		s.tellLocked(m)
		for part := range slices.Chunk(chunks, maxEach) {
			m.link.post(news{what: typeLost, Topic: s.topic, Chunks: part})
		}
	}
}

// actLocked does all that is to be done now: offers, and accepted chunks.
func (s *swarm) actLocked() {
	if s.node.cfg.TakeOnly {
		return // what nobody was offered, nobody accepts
	}
	now := time.Now()
	for !s.node.settling.Load() {
		o, ok := s.giver.Offer(now)
		if !ok {
			break
		}
		m := s.members[o.To]
		s.tellLocked(m)
		m.link.post(offer{Topic: s.topic, Chunk: o.Chunk, First: o.First, Sure: o.Sure})
	}
	for {
		to, chunk, ok := s.giver.Next(now)
		if !ok {
			break
		}
		m := s.members[to]
		select {
		case m.link.jobs <- job{to: m, chunk: chunk}:
		default:
			s.giver.Lost(to, chunk) // it is stuck; others are not
		}
	}
	if wait := s.giver.Wait(now); wait > 0 && !s.waiting {
		s.waiting = true
		time.AfterFunc(wait, s.waited)
	}
}

func (s *swarm) waited() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = false
	s.actLocked()
}

// announceLocked lets all members know that chunk i is on its way here, in a
// while or with the next word to them.
func (s *swarm) announceLocked(i int) {
	for _, m := range s.members {
		m.pending = append(m.pending, i)
	}
	if s.flush == nil && len(s.members) > 0 {
		wait := min(max(leastBatch, batchChunks*s.giver.ChunkTime(time.Now())), mostBatch)
		s.flush = time.AfterFunc(wait, s.tellAll)
	}
}

func (s *swarm) tellAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush = nil
	for _, m := range s.members {
		s.tellLocked(m)
	}
}

// tellLocked posts what m has not been told of.
func (s *swarm) tellLocked(m *member) {
	for part := range slices.Chunk(m.pending, maxEach) {
		m.link.post(news{what: typeComing, Topic: s.topic, Each: s.giver.ChunkTime(time.Now()), Chunks: part})
	}
	m.pending = m.pending[:0]
}

// answered handles a remote's answer to an offer.
func (s *swarm) answered(m *member, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch a.Verdict {
	case accepted:
		s.giver.Accepted(m.link.key, a.Chunk, now)
	case declined:
		s.giver.Declined(m.link.key, a.Chunk, now)
	case notNow:
		s.giver.Postponed(m.link.key, a.Chunk, now.Add(a.Wait))
	}
	s.actLocked()
}

// heard handles a remote's announcements.
func (s *swarm) heard(m *member, n news) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.what == typeLost {
		s.lostLocked(m, n.Chunks)
	} else {
		s.giver.Pace(m.link.key, n.Each)
		for _, i := range n.Chunks {
			s.giver.Announced(m.link.key, i)
		}
	}
	s.actLocked()
}

// lostLocked handles that chunks will not come to m after all. What it had
// promised of them does not come from it either: were that only found out by
// waiting, nodes could go on promising each other in a circle what none has.
func (s *swarm) lostLocked(m *member, chunks []int) {
	var vain []int
	for _, i := range chunks {
		s.giver.Lost(m.link.key, i)
		if p := s.claims[i]; p != nil && p.by == m {
			s.taker.Dropped(i)
			vain = append(vain, i)
		}
	}
	s.dropLocked(vain)
}

// sent notes that chunk i has reached m.
func (s *swarm) sent(m *member, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giver.Delivered(m.link.key, i, time.Now())
	s.actLocked()
}

// tick does what time alone brings about.
func (s *swarm) tick(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seekLocked(now)
	if len(s.members) == 0 {
		return
	}
	s.dropLocked(s.taker.GiveUp(s.missing, now))
	s.giver.Tick(now)
	s.actLocked()
}

// load gives the CHUNK message of chunk i, in buf if it is large enough.
func (m *member) load(buf []byte, i int) ([]byte, error) {
	n := m.swarm.list.ChunkLen(i)
	buf = grow(buf, chunkOverhead+n)
	chunkHeader(buf[:0], m.swarm.topic, i, n)
	return buf, m.swarm.file.ReadChunk(i, buf[chunkOverhead:])
}

// unreadable ends the membership in a file that can not be read any longer.
func (m *member) unreadable(i int, err error) {
	s := m.swarm
	m.link.post(leave{Topic: s.topic})
	s.quit(m, err)
	s.node.cfg.Log.Warn("a shared file can not be read", "file", s.name, "chunk", i, "error", err)
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
