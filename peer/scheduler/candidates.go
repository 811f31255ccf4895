package scheduler

import (
	"slices"
	"time"
)

// openOffersNow is what one look at all open offers shows.
type openOffersNow struct {
	// filling is how many are to fill the uplink, and held how many of those
	// are of chunks that this node holds: others may have to wait for theirs
	// while the uplink runs dry.
	filling, held float64
	answering     []candidate // who can be offered more
	// Newcomers are those that have never confirmed a chunk: failed is how many
	// of them owe an answer or a receipt for too long, or did, onTrial how many
	// offers are open to the others, and confirmed how many are none any longer.
	failed, onTrial, confirmed int
}

// candidate is a neighbour that can be offered something now, and by how many
// steps it has less than the others.
type candidate struct {
	*neighbour
	behind int
	owes   bool // others wait for it: it is helped after them
}

// look counts the open offers and finds out who can be offered more. A chunk
// that crawls into a slow downlink does not fill the uplink, nor does an offer
// to one who does not answer; who owes us an answer, or a receipt, is offered
// nothing more. ahead is how many may be open.
func (g *Giver) look(ahead int, now time.Time) openOffersNow {
	open := openOffersNow{answering: make([]candidate, 0, len(g.takers))}
	crawling, unconfirmed := g.uplink.late(now)
	timeout := g.uplink.lateAnswer()
	mean := g.meanCount()
	for _, n := range g.takers {
		crawls := slices.Contains(crawling, n.id)
		silent := slices.Contains(unconfirmed, n.id)
		for _, o := range n.open {
			switch {
			case !o.accepted && now.Sub(o.since) > timeout:
				silent = true
			case crawls && o.accepted:
			default:
				open.filling += g.uplink.length(o.chunk)
				if g.chunks.have.Has(o.chunk) {
					open.held += g.uplink.length(o.chunk)
				}
			}
		}
		open.try(n, silent)
		if n.takesMore() && !silent && !now.Before(n.notBefore) {
			open.answering = append(open.answering, g.candidate(n, mean, now))
		}
	}
	open.putOnTrial(ahead)
	return open
}

// try counts n among those that have failed, or not.
func (o *openOffersNow) try(n *neighbour, silent bool) {
	switch {
	case n.confirmed > 0:
		o.confirmed++
	case silent || n.lapses > 0:
		o.failed++
	default:
		o.onTrial += len(n.open)
	}
}

// putOnTrial has newcomers answer for those before them: once one has failed, each
// is offered one chunk until it has confirmed it, and all of them together the
// share of the uplink that those have who did not fail. Names cost nothing, and
// each could keep a chunk from the others. While nobody has confirmed any, there
// is nobody to keep it from.
func (o *openOffersNow) putOnTrial(ahead int) {
	if o.failed == 0 || o.confirmed == 0 {
		return
	}
	full := o.onTrial >= max(1, ahead*(o.confirmed+1)/(o.confirmed+o.failed+1))
	o.answering = slices.DeleteFunc(o.answering, func(c candidate) bool {
		return c.confirmed == 0 && (full || len(c.open) > 0)
	})
}

// takesMore reports whether n would take one more promise: of a giver that has
// brought nothing yet it takes a few.
func (n *neighbour) takesMore() bool { return n.confirmed > 0 || len(n.open) < MaxUnproven }

// withFewerThan returns those of answering with fewer open offers.
func (o openOffersNow) withFewerThan(offers int) []candidate {
	return slices.DeleteFunc(slices.Clone(o.answering), func(c candidate) bool { return len(c.open) >= offers })
}

// behind is by how many steps n has less than the others. A node with few
// neighbours of its own gets what all have later than they do; without help it
// is the last one at the end, when nobody else needs the uplinks. Small
// differences are left alone: if all went to the same neighbour first, most of
// their offers would be declined.
func (g *Giver) behind(n *neighbour, mean int, now time.Time) int {
	if n.isFull(now) {
		return 0
	}
	return max(0, mean-n.count) / max(minBehindChunks, len(g.takers)/2)
}

// candidate is what n is to the choice. One that owes is not behind, however little
// it has: perhaps nobody takes anything from it, nor gives it anything, for a
// reason.
func (g *Giver) candidate(n *neighbour, mean int, now time.Time) candidate {
	if g.owes(n) {
		return candidate{neighbour: n, owes: true}
	}
	return candidate{neighbour: n, behind: g.behind(n, mean, now)}
}

// meanCount is how many chunks the takers have on average.
func (g *Giver) meanCount() int {
	count := 0
	for _, n := range g.takers {
		count += n.count
	}
	return count / max(len(g.takers), 1)
}
