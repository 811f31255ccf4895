package scheduler

import (
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
	// One chunk in catchUpShare is given to whom it helps most though others are
	// behind: perhaps those are left alone by all, and for a reason.
	catchUpShare = 3
	// maxStalls bounds how often it counts that a first copy had to be given again:
	// one who has chunks of its own to hand out passes those on first.
	maxStalls = 2
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
	open := g.look(ahead, now)
	enough := open.filling >= float64(ahead)
	if enough && open.held >= float64(min(ahead, g.uplink.size(now)+1)) {
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
	return g.open(p, p.to.confirmed > 0 || open.failed == 0, now), true
}

// open enters the offer of what was picked, for one that may be trusted with a
// chunk that it did not say it wants.
func (g *Giver) open(p pick, trusted bool, now time.Time) Offer {
	o := Offer{To: p.to.id, Chunk: p.chunk, First: p.first}
	if p.first {
		if g.initial.isStalled(&g.chunks) {
			g.blame(p.chunk)
		}
		given := g.initial.gave(p.chunk, &g.chunks)
		p.to.firsts.given, p.to.firsts.helps = append(p.to.firsts.given, given), false
	} else if g.chunks.held[p.chunk] == 1 {
		g.passOnFor(p.chunk)
	}
	// The first answers tell how long they take; but a single one has no other to
	// get it from.
	o.Sure = p.first && trusted && (g.uplink.answerTime > 0 || len(g.takers) == 1)
	p.to.open.put(openOffer{chunk: p.chunk, since: now, accepted: o.Sure})
	g.mark(p.to, p.chunk)
	if o.Sure {
		g.uplink.expect(delivery{p.to.id, p.chunk})
	}
	return o
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
		if p, ok := c.catchUp(set); ok && c.rand.IntN(catchUpShare) > 0 {
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
// behind, and more than anything for one that owes.
func (n candidate) load() time.Duration {
	if n.owes {
		return time.Duration(len(n.open) + maxOffersAhead)
	}
	return time.Duration(len(n.open) - maxOffersAhead*n.behind)
}
