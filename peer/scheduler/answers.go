package scheduler

import (
	"slices"
	"time"
)

const (
	// An offer that is not answered within answerTimeoutTrips of the usual, and
	// minAnswerTimeout at least, is taken back; its neighbour is offered nothing
	// for as long again, the next time for twice as long, up to maxLeftAlone.
	answerTimeoutTrips = 10
	minAnswerTimeout   = time.Second
	maxLeftAlone       = time.Minute
	// MinWait is the shortest wait of a neighbour that wants no offers now: one
	// that names none would be asked as fast as it answers.
	MinWait = 20 * time.Millisecond
	// transitTimeout is how long a chunk may be on its way while others overtake
	// it.
	transitTimeout = time.Minute
)

// Accepted records that a neighbour wants what was offered: it is sent when
// its turn comes (Next).
func (g *Giver) Accepted(id ID, i int, now time.Time) {
	n := g.near[id]
	if n == nil {
		return
	}
	n.answers(i)
	if o := n.open.of(i); o != nil {
		if !o.accepted { // else it was before, or is sure
			o.accepted = true
			g.uplink.accepted(delivery{id, i}, now.Sub(o.since))
		}
	} else if n.withdrawn[i] { // it waits for the chunk: we promised it
		delete(n.withdrawn, i)
		n.open.put(openOffer{chunk: i, since: now, accepted: true})
		if !n.has.Has(i) {
			g.mark(n, i)
		}
		g.uplink.enqueue(delivery{id, i}) // too late to tell about answers
	}
}

// Declined records that a neighbour holds chunk i already or is getting it
// from somewhere else, perhaps since it accepted it from here.
func (g *Giver) Declined(id ID, i int, now time.Time) {
	n := g.near[id]
	if n == nil {
		return
	}
	n.answers(i)
	if o := n.open.of(i); o != nil {
		took, accepted := now.Sub(o.since), o.accepted
		n.open.remove(i)
		if accepted { // another was quicker; that says nothing about answers
			g.uplink.drop(delivery{id, i})
		} else {
			g.uplink.declined(delivery{id, i}, took)
		}
	}
}

// Postponed records that a neighbour can not take chunk i now: it is offered
// nothing until then.
func (g *Giver) Postponed(id ID, i int, until time.Time) {
	n := g.near[id]
	if n == nil {
		return
	}
	n.answers(i)
	if n.open.of(i) != nil {
		g.withdraw(n, i)
		n.notBefore = until
	}
}

// answers notes that n is heard of, if chunk i was offered to it.
func (n *neighbour) answers(i int) {
	if n.withdrawn[i] || n.open.find(i) >= 0 {
		n.lapses = 0
	}
}

// Begin records that chunk i begins to be written to a neighbour, to which Next
// gave it. It returns false when it is not to be any more: the neighbour has left,
// or takes the chunk from somebody else.
func (g *Giver) Begin(id ID, i int) bool {
	t := g.uplink.transit(delivery{id, i})
	if t == nil || t.begun {
		return false
	}
	t.begun = true
	return true
}

// Written records that chunk i has left for a neighbour: what is to come is its
// receipt.
func (g *Giver) Written(id ID, i int, now time.Time) {
	if t := g.uplink.transit(delivery{id, i}); t != nil {
		t.written = now
	}
}

// Delivered records that a neighbour has received chunk i whole.
func (g *Giver) Delivered(id ID, i int, now time.Time) {
	if n := g.near[id]; n != nil {
		n.answers(i)
		if n.open.of(i) != nil {
			n.confirmed++
		}
		n.open.remove(i)
	}
	g.uplink.delivered(delivery{id, i}, now)
}

// Tick takes back what neighbours neither accept nor decline nor receive. It
// is to be called every now and then.
func (g *Giver) Tick(now time.Time) {
	timeout := max(minAnswerTimeout, answerTimeoutTrips*g.uplink.answerTime)
	for _, n := range g.takers {
		open := slices.Clone(n.open)
		for _, o := range open {
			unanswered := !o.accepted && now.Sub(o.since) > timeout
			if unanswered || g.uplink.isLost(delivery{n.id, o.chunk}, now) {
				g.withdraw(n, o.chunk)
				n.withdrawn[o.chunk] = true
				n.notBefore = now.Add(min(now.Sub(o.since)<<n.lapses, maxLeftAlone))
			}
		}
		if len(n.open) < len(open) {
			n.lapses = min(n.lapses+1, 6)
		}
	}
}

// Excuse has time not count for the answers that are owed: this process did not
// run then, and could not hear them.
func (g *Giver) Excuse(missed time.Duration, now time.Time) {
	for _, n := range g.takers {
		for i := range n.open {
			o := &n.open[i]
			if o.since = o.since.Add(missed); o.since.After(now) {
				o.since = now
			}
		}
	}
}

// withdraw takes an offer back, or an announcement.
func (g *Giver) withdraw(n *neighbour, i int) {
	n.open.remove(i)
	g.uplink.drop(delivery{n.id, i})
	g.unmark(n, i)
}

// Next takes the accepted offer to send now, if there is one. Begin is to follow,
// and Written; then Delivered, or Lost at any time.
func (g *Giver) Next(now time.Time) (to ID, chunk int, ok bool) {
	d, ok := g.uplink.next(g.chunks.have, now)
	return d.to, d.chunk, ok
}

// Owed counts the chunks that this node holds and has still to bring to
// neighbours: those that they accepted, and those on their way.
func (g *Giver) Owed() int { return g.uplink.owed(g.chunks.have) }
