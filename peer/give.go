package peer

import (
	"errors"
	"time"

	"starmesh/common/fault"
	"starmesh/peer/scheduler"
)

// giving is the half of a swarm that gives: it makes offers, sends what is
// accepted, and keeps in mind what every member has or is about to get. Its
// methods that handle messages lock the swarm.
type giving struct {
	*swarm
	giver *scheduler.Giver
}

// actLocked does all that is to be done now: offers, and accepted chunks.
func (g *giving) actLocked() {
	if g.node.cfg.TakeOnly {
		return // what nobody was offered, nobody accepts
	}
	now := time.Now()
	for !g.node.settling.begun.Load() {
		o, ok := g.giver.Offer(now)
		if !ok {
			break
		}
		m := g.members[o.To]
		g.take.tellLocked(m)
		m.link.post(offer{Topic: g.topic, Chunk: o.Chunk, First: o.First, Sure: o.Sure})
	}
	for {
		to, chunk, ok := g.giver.Next(now)
		if !ok {
			break
		}
		m := g.members[to]
		select {
		case m.link.jobs <- job{to: m, chunk: chunk}:
		default:
			g.giver.Lost(to, chunk) // it is stuck; others are not
		}
	}
}

// answered handles ANSWER, a remote's answer to an offer.
func (g *giving) answered(m *member, a answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	switch a.Verdict {
	case accepted:
		g.giver.Accepted(m.link.key, a.Chunk, now)
	case declined:
		g.giver.Declined(m.link.key, a.Chunk, now)
	case notNow:
		g.giver.Postponed(m.link.key, a.Chunk, now.Add(max(a.Wait, scheduler.MinWait)))
	}
	g.actLocked()
}

// heard handles COMING and LOST (HAVE in advance, and its withdrawal).
func (g *giving) heard(m *member, n news) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n.what == typeLost {
		g.lostLocked(m, n.Chunks)
	} else {
		g.giver.Pace(m.link.key, n.Each)
		for _, i := range n.Chunks {
			g.giver.Announced(m.link.key, i)
		}
	}
	g.actLocked()
}

// lostLocked handles that chunks will not come to m after all. What it had
// promised of them does not come from it either: were that only found out by
// waiting, nodes could go on promising each other in a circle what none has.
func (g *giving) lostLocked(m *member, chunks []int) {
	var vain []int
	for _, i := range chunks {
		g.giver.Lost(m.link.key, i)
		if m.claims.Release(i) {
			vain = append(vain, i)
		}
	}
	g.take.lostLocked(vain)
}

// received handles GOT (an acknowledgement): chunk i has reached m.
func (g *giving) received(m *member, i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m.active = time.Now()
	g.giver.Delivered(m.link.key, i, m.active)
	g.actLocked()
}

// begins reports whether chunk i is still to be sent to m, now that its turn has
// come.
func (g *giving) begins(m *member, i int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members[m.link.key] == m && g.giver.Begin(m.link.key, i)
}

// written notes that chunk i has left for m.
func (g *giving) written(m *member, i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.giver.Written(m.link.key, i, time.Now())
}

// load returns the CHUNK message of chunk i, in buf if it is large enough.
func (m *member) load(buf []byte, i int) ([]byte, error) {
	n := m.swarm.list.ChunkLen(i)
	buf = grow(buf, chunkOverhead+n)
	chunkHeader(buf[:0], m.swarm.topic, i, n)
	return buf, m.swarm.file.ReadChunk(i, buf[chunkOverhead:])
}

// unreadable ends the membership in a file that can not be read any longer; of a
// folder the pieces that can are given all the same.
func (m *member) unreadable(i int, err error) {
	s := m.swarm
	if errors.Is(err, fault.Busy) { // that is not the file's fault, and passes
		s.give.postpones(m, i)
		return
	}
	if !s.give.shrink() {
		m.link.post(leave{Topic: s.topic})
		s.quit(m)
	}
	s.node.cfg.Log.Warn("a shared file can not be read", "file", s.name, "chunk", i, "error", err)
}

// postpones takes back that chunk i is sent to m now.
func (g *giving) postpones(m *member, i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members[m.link.key] == m {
		g.giver.Lost(m.link.key, i)
	}
}

// shrink tells all of what can be given no longer, and returns whether there is
// any.
func (g *giving) shrink() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	have := g.file.Have()
	var gone []int
	for i := range g.list.Len() {
		if g.giver.Holds(i) && !have.Has(i) {
			g.giver.Gone(i)
			gone = append(gone, i)
		}
	}
	g.take.lostLocked(gone)
	return len(gone) > 0
}
