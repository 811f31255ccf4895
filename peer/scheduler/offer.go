package scheduler

import (
	"math"
	"slices"
	"time"

	"starmesh/common/content"
)

// Before you change the choice, check again that
//
//  1. an origin sends hardly more than one copy of a file, and its uplink never
//     runs dry: no mesh is faster than its origin;
//  2. of two equal choices any is made: were all givers to choose alike, most of
//     their offers would be declined;
//  3. a free rider soon gets no more first copies, and what it was given is
//     handed out again;
//  4. a slow downlink, or one who does not answer or confirm, keeps no offer from
//     the others, with 2 neighbours as with 100 (hostile_test.go);
//  5. a node with few neighbours is not the last one by far;
//  6. what a leaver had still to pass on is given by others;
//  7. a node that comes late is helped by all;
//  8. with a slow uplink, answers do not wait behind help;
//  9. the time of an Offer does not grow with the file (BenchmarkOffer);
//  10. the figures of the simulated meshes do not get worse (mesh_test.go,
//     BenchmarkMesh), and section 6 of PROTOCOL.md still says what is done.

const (
	// minBehindChunks is by how many chunks a neighbour is behind the others at
	// the least to be helped before them; with many neighbours it is half as
	// many as they are.
	minBehindChunks = 4
	// slowUplinkRatio is by how many times an uplink is slower than others' that
	// is better kept for answers.
	slowUplinkRatio = 16
	// maxChunksExamined is how many chunks are looked at to choose one, for a
	// file may have 100,000.
	maxChunksExamined = 2048
	// downlinkFullTime is how long a neighbour that asked for no more is taken
	// to have no room on its downlink.
	downlinkFullTime = 5 * time.Second
)

// Offer makes the next offer, if one is to be made now.
func (g *Giver) Offer(now time.Time) (Offer, bool) {
	ahead := g.uplink.ahead(len(g.takers), now)
	open := g.look(now)
	enough := open.filling >= ahead
	if enough && open.held >= min(ahead, g.uplink.size(now)+1) {
		return Offer{}, false
	}
	g.forgetPassedOn()
	// No neighbour gets more than half of what is open while others can take
	// anything: were its downlink slow, all would wait for it.
	some := open.withFewerThan(max(ahead/2, 1))
	p, ok := g.choose(some, enough, now)
	if !ok && len(some) < len(open.answering) {
		p, ok = g.choose(open.withFewerThan(ahead), enough, now)
	}
	g.uplink.leads = p.first
	if !ok {
		return Offer{}, false
	}
	return g.open(p, now), true
}

// open enters the offer of what was picked.
func (g *Giver) open(p pick, now time.Time) Offer {
	o := Offer{To: p.to.id, Chunk: p.chunk, First: p.first}
	if p.first {
		p.to.firsts = append(p.to.firsts, p.chunk)
		g.initial.gave(p.chunk, &g.chunks)
	}
	// The first answers tell how long they take; but a single one has no other to
	// get it from.
	o.Sure = p.first && (g.uplink.answerTime > 0 || len(g.takers) == 1)
	p.to.open.put(openOffer{chunk: p.chunk, since: now, accepted: o.Sure})
	g.mark(p.to, p.chunk)
	if o.Sure {
		g.uplink.expect(delivery{p.to.id, p.chunk})
	}
	return o
}

// openOffersNow is what one look at all open offers shows.
type openOffersNow struct {
	// filling is how many are to fill the uplink, and held how many of those
	// are of chunks that this node holds: others may have to wait for theirs
	// while the uplink runs dry.
	filling, held int
	answering     []candidate // who can be offered more
}

// candidate is a neighbour that can be offered something now, and by how many
// steps it has less than the others.
type candidate struct {
	*neighbour
	behind int
}

// look counts the open offers and finds out who can be offered more. A chunk
// that crawls into a slow downlink does not fill the uplink, nor does an offer
// to one who does not answer; who owes us an answer, or a receipt, is offered
// nothing more.
func (g *Giver) look(now time.Time) openOffersNow {
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
				open.filling++
				if g.chunks.have.Has(o.chunk) {
					open.held++
				}
			}
		}
		if n.takesMore() && !silent && !now.Before(n.notBefore) {
			open.answering = append(open.answering, candidate{n, g.behind(n, mean, now)})
		}
	}
	return open
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

// meanCount is how many chunks the takers have on average.
func (g *Giver) meanCount() int {
	count := 0
	for _, n := range g.takers {
		count += n.count
	}
	return count / max(len(g.takers), 1)
}

// pick is what was chosen.
type pick struct {
	to    *neighbour
	chunk int
	first bool // it is a first copy
}

// choice is what the rules choose from.
type choice struct {
	*Giver
	candidates []candidate
	onlyHeld   bool // nothing that is still on its way here
	now        time.Time
}

// choose picks a chunk and the neighbour to offer it to, if there is one.
func (g *Giver) choose(candidates []candidate, onlyHeld bool, now time.Time) (pick, bool) {
	c := choice{Giver: g, candidates: candidates, onlyHeld: onlyHeld, now: now}
	if p, ok := c.firstCopy(); ok {
		return p, true
	}
	if p, ok := c.duty(); ok {
		return p, true
	}
	if g.trails(now) {
		return pick{}, false
	}
	return c.help()
}

// firstCopy picks a chunk that only this node can bring into the mesh, and the
// neighbour with the least left to pass on: that follows the upload rates by
// itself, and a free rider soon gets no more.
func (c choice) firstCopy() (pick, bool) {
	i, ok := c.initial.choose(&c.chunks)
	if !ok {
		return pick{}, false
	}
	n := c.cheapest(i, func(n candidate) time.Duration { return c.burden(n.neighbour) })
	return pick{n, i, true}, n != nil
}

// burden is the time by which a neighbour would have passed on one more first
// copy, and all that it was given before and has, as far as this node knows,
// not passed on yet.
func (g *Giver) burden(n *neighbour) time.Duration {
	if g.uplink.slowDownlinks[n.id] {
		return math.MaxInt64 // it would get it late, and so would all others
	}
	left := len(g.takers)
	for _, i := range n.firsts {
		left += g.chunks.lacking(i)
	}
	each := n.chunkTime
	if each <= 0 {
		each = g.uplink.chunkTime
	}
	return time.Duration(left) * max(each, 1)
}

// duty picks a chunk that this node got first-hand, the oldest first.
func (c choice) duty() (pick, bool) {
	for _, i := range c.duties {
		if !c.chunks.have.Has(i) && (c.onlyHeld || !c.chunks.coming.Has(i)) {
			continue
		}
		if n := c.cheapest(i, candidate.load); n != nil {
			return pick{to: n, chunk: i}, true
		}
	}
	return pick{}, false
}

// trails tells whether this node had better not help for now: its uplink is so
// much slower than others' that its help is worth less than its own answers,
// which would wait behind it.
func (g *Giver) trails(now time.Time) bool {
	own := g.uplink.pace(now)
	if g.chunks.have.Full() || own < slowChunkTime {
		return false
	}
	var others []time.Duration
	for _, n := range g.near {
		if n.chunkTime > 0 {
			others = append(others, n.chunkTime)
		}
	}
	if len(others) == 0 {
		return false
	}
	slices.Sort(others)
	return own > slowUplinkRatio*others[len(others)/2]
}

// help picks a chunk to help others with: for a neighbour that is behind, or
// the one that the fewest have.
func (c choice) help() (pick, bool) {
	done := c.heldByAll()
	for _, set := range []content.Set{c.chunks.have, c.chunks.coming} {
		if p, ok := c.catchUp(set); ok {
			return p, true
		}
		if p, ok := c.rarest(set, done); ok {
			return p, true
		}
		if c.onlyHeld {
			break
		}
	}
	return pick{}, false
}

// catchUp picks the neighbour that is most behind, and of what it lacks the
// chunk that the fewest have.
func (c choice) catchUp(set content.Set) (pick, bool) {
	best := pick{}
	behind := 0
	for _, n := range c.candidates {
		if n.behind <= behind {
			continue
		}
		if i, ok := c.fewest(set, n.has); ok {
			best, behind = pick{to: n.neighbour, chunk: i}, n.behind
		}
	}
	return best, best.to != nil
}

// heldByAll is the set of chunks that all candidates have: one who takes no
// more for a while, but lacks most of the file, is not to keep this node from
// helping the others with the rest.
func (c choice) heldByAll() content.Set {
	if len(c.candidates) == len(c.takers) {
		return c.chunks.inAll
	}
	all := content.FullSet(c.chunks.have.Len())
	for _, n := range c.candidates {
		all.Keep(n.has)
	}
	return all
}

// rarest picks the chunk of set, but not of done, that the fewest have, and
// for it the neighbour that this node brings least.
func (c choice) rarest(set, done content.Set) (pick, bool) {
	i, ok := c.fewest(set, done)
	if !ok {
		return pick{}, false
	}
	n := c.cheapest(i, candidate.load)
	return pick{to: n, chunk: i}, n != nil
}

// fewest returns, of the chunks of set that are not in done, the one that most
// neighbours lack; any where several are. In a large file not all are looked
// at, but maxChunksExamined from any one on.
func (g *Giver) fewest(set, done content.Set) (int, bool) {
	best, lack, ties, looked := -1, 0, 0, 0
	look := func(from, until int) {
		for i, ok := set.NextNotIn(from, done); ok && i < until && looked < maxChunksExamined; i, ok = set.NextNotIn(i+1, done) {
			looked++
			switch l := g.chunks.lacking(i); {
			case l == 0 || l < lack:
			case l > lack:
				best, lack, ties = i, l, 1
			default:
				if ties++; g.rand.IntN(ties) == 0 {
					best = i
				}
			}
		}
	}
	start := 0
	if set.Len() > maxChunksExamined {
		start = g.rand.IntN(set.Len())
	}
	look(start, set.Len())
	look(0, start)
	return best, best >= 0
}

// cheapest returns the candidate lacking chunk i for which cost is least, any
// of them where several are; nil when none lacks it.
func (c choice) cheapest(i int, cost func(candidate) time.Duration) *neighbour {
	var best *neighbour
	var least time.Duration
	ties := 0
	for _, n := range c.candidates {
		if n.has.Has(i) {
			continue
		}
		switch d := cost(n); {
		case best == nil || d < least:
			best, least, ties = n.neighbour, d, 1
		case d == least:
			if ties++; c.rand.IntN(ties) == 0 {
				best = n.neighbour
			}
		}
	}
	return best
}

// load is how much this node is already bringing to n, less for one that is
// behind.
func (n candidate) load() time.Duration {
	return time.Duration(len(n.open) - maxOffersAhead*n.behind)
}
