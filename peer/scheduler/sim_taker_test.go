package scheduler_test

import (
	"maps"
	"slices"
	"time"

	"starmesh/peer/scheduler"
)

// The half of a simulated node that takes.

func (n *node) offered(from *node, o scheduler.Offer) {
	if !n.alive || n.accept(from, o) {
		return
	}
	if !o.First {
		n.giver.Offered(from.key(), o.Chunk)
	}
	n.excuse(from, o)
	_, promised := n.claimed[o.Chunk]
	if promised || n.have.Has(o.Chunk) {
		n.declines++
		if promised {
			n.taker.Disputed(o.Chunk)
		}
		n.tellNow(from)
		n.word(from, func() { from.giver.Declined(n.key(), o.Chunk, n.at(n.now)); from.step() })
		return
	}
	if p := n.promises(from); !n.taker.Accepts(from.key(), o.Chunk, p, n.at(n.now)) {
		n.declines++
		wait := n.taker.Postpone(from.key(), o.Chunk, p, n.at(n.now))
		n.tellNow(from)
		n.word(from, func() { from.giver.Postponed(n.key(), o.Chunk, n.at(n.now).Add(wait)); from.step() })
		return
	}
	if !o.Sure {
		n.tellNow(from)
	}
	n.claimed[o.Chunk] = claim{from.id, n.now}
	n.giver.Coming(o.Chunk, o.First, n.givers.Trusts(from.key()))
	n.tell(o.Chunk, false)
	if from.floods() {
		n.word(from, func() { from.promised(n, o.Chunk) })
		return
	}
	for range n.answers(o) {
		n.word(from, func() { from.giver.Accepted(n.key(), o.Chunk, n.at(n.now)); from.step() })
	}
}

// excuse spares who promised a chunk the sending of it, when another does it unasked.
func (n *node) excuse(from *node, o scheduler.Offer) {
	c, promised := n.claimed[o.Chunk]
	if !promised || n.isFromServer(c) || c.from == from.id || !o.Sure || !n.taker.Accepts(from.key(), o.Chunk, n.promises(from), n.at(n.now)) {
		return
	}
	delete(n.claimed, o.Chunk)
	other := n.nodes[c.from]
	n.word(other, func() { other.giver.Declined(n.key(), o.Chunk, n.at(n.now)); other.step() })
}

// promises is what is promised when from makes one offer more.
func (n *node) promises(from *node) scheduler.Promises {
	p := scheduler.Promises{Lacking: n.missing(), ByAll: len(n.claimed)}
	for _, c := range n.claimed {
		if c.from == from.id {
			p.ByGiver++
		}
		if n.givers.IsLate(n.nodes[c.from].key()) {
			p.ByLate++
		}
	}
	return p
}

// late gives up what was promised and does not come.
func (n *node) late() {
	missing := n.missing()
	for _, chunk := range slices.Sorted(maps.Keys(n.claimed)) {
		c := n.claimed[chunk]
		if n.isFromServer(c) {
			continue
		}
		age := n.at(n.now).Sub(n.at(c.since))
		if !n.taker.IsOverdue(chunk, age, missing, n.at(n.now)) {
			continue
		}
		from := n.nodes[c.from]
		n.taker.GaveUp(from.key(), chunk, age, n.at(n.now))
		n.lose(chunk)
		n.word(from, func() { from.giver.Lost(n.key(), chunk); from.step() })
	}
}

func (n *node) lose(chunk int) {
	n.giver.NotComing(chunk)
	delete(n.claimed, chunk)
	n.tell(chunk, true)
}

func (n *node) receive(from *node, chunk int) {
	n.arrivals++
	took := time.Duration(0)
	if c, ok := n.claimed[chunk]; ok && c.from == from.id {
		took = n.at(n.now).Sub(n.at(c.since))
	}
	n.taker.Arrived(from.key(), chunk, took, n.at(n.now))
	if n.have.Has(chunk) {
		n.duplicates++
		return
	}
	if n.drawers != nil {
		n.drawers.Arrived(false, 0, at(n.now))
	}
	n.giver.Got(chunk)
	n.keep(chunk)
}

// keep stores a chunk, wherever it came from.
func (n *node) keep(chunk int) {
	n.have.Add(chunk)
	delete(n.claimed, chunk)
	if n.have.Full() {
		n.done = n.now
		if n.kind != honest {
			return
		}
		if n.leave == nil || n.leave(n.id) == 0 {
			n.left--
		}
	}
	n.step()
}
