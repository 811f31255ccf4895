package scheduler

import (
	"math"
	"slices"
	"time"

	"starmesh/common/content"
)

const (
	// leastBehind is by how many chunks a neighbour is behind the others at the
	// least to be helped before them; with many neighbours it is half as many
	// as they are.
	leastBehind = 4
	// farBehind is by how many times an uplink is slower than others' that is
	// better kept for words.
	farBehind = 16
	// mostLooked is how many chunks are looked at to choose one.
	mostLooked = 2048
	// fullFor is how long a neighbour that asked for no more is taken to have
	// no room on its downlink.
	fullFor = 5 * time.Second
)

// Offer gives the next offer to make, if one is to be made now.
func (g *Giver) Offer(now time.Time) (Offer, bool) {
	ahead := g.queue.ahead(len(g.takers))
	open, inHand := g.open(now)
	g.inHand = open >= ahead
	if g.inHand && inHand >= min(ahead, g.queue.size()+1) {
		return Offer{}, false
	}
	// No neighbour gets more than half of what is open while others can take
	// anything: were its downlink slow, all would wait for it.
	g.share, g.spared = max(ahead/2, 1), false
	n, i, first := g.choose(now)
	if n == nil && g.spared {
		g.share = ahead
		n, i, first = g.choose(now)
	}
	g.queue.leads = first
	if n == nil {
		return Offer{}, false
	}
	sure := first && g.queue.trip > 0 // before the first answer nothing is known of trips
	if first {
		n.firsts = append(n.firsts, i)
		g.first.gave(i)
	}
	n.open.put(i, now)
	g.mark(n, i)
	if sure {
		g.queue.expect(Offer{To: n.id, Chunk: i}, now)
	}
	return Offer{To: n.id, Chunk: i, First: first, Sure: sure}, true
}

// choose gives the neighbour to offer something to and the chunk, and whether
// it is a first copy; nil when there is nothing to offer.
func (g *Giver) choose(now time.Time) (n *neighbour, i int, first bool) {
	if n, i, ok := g.fresh(now); ok {
		return n, i, true
	}
	g.measure(now)
	if n, i, ok := g.duty(now); ok {
		return n, i, false
	}
	if !g.trails(now) {
		if n, i, ok := g.help(now); ok {
			return n, i, false
		}
	}
	return nil, 0, false
}

// takes tells whether n can be offered something now.
func (g *Giver) takes(n *neighbour, now time.Time) bool {
	if n.silent || now.Before(n.later) {
		return false
	}
	if len(n.open) >= g.share {
		g.spared = true
		return false
	}
	return true
}

// Wait is how long to wait before asking Next again, although nothing happens
// meanwhile; 0 when that would be of no use.
func (g *Giver) Wait(now time.Time) time.Duration { return g.queue.wait(now) }

// trails tells whether this node had better not help for now: its uplink is so
// much slower than others' that its help is worth less than its own answers,
// which would wait behind it.
func (g *Giver) trails(now time.Time) bool {
	pace := g.queue.pace(now)
	if g.have.Full() || pace < long {
		return false
	}
	var paces []time.Duration
	for _, n := range g.near {
		if n.each > 0 {
			paces = append(paces, n.each)
		}
	}
	if len(paces) == 0 {
		return false
	}
	slices.Sort(paces)
	return pace > farBehind*paces[len(paces)/2]
}

// open counts the offers that are to fill the uplink, and those of them whose
// chunks this node holds: the others may have to wait for theirs while the
// uplink runs dry. A chunk that crawls into a slow downlink does not fill it,
// nor does an offer to one who does not answer; who owes us an answer is
// offered nothing more.
func (g *Giver) open(now time.Time) (open, inHand int) {
	overdue := g.queue.overdue()
	stuck := g.queue.stuck()
	for _, n := range g.takers {
		n.silent = false
		crawls := slices.Contains(stuck, n.id)
		for _, o := range n.open {
			accepted := g.queue.holds(Offer{To: n.id, Chunk: o.chunk})
			if !accepted && now.Sub(o.since) > overdue {
				n.silent = true
				continue
			}
			if crawls && accepted {
				continue
			}
			open++
			if g.have.Has(o.chunk) {
				inHand++
			}
		}
	}
	return open, inHand
}

// fresh chooses a chunk that only this node can bring into the mesh, and the
// neighbour with the least left to pass on: that follows the upload rates by
// itself, and a free rider soon gets no more.
func (g *Giver) fresh(now time.Time) (*neighbour, int, bool) {
	i, ok := g.first.stuck(g.held, len(g.takers))
	if !ok {
		i, ok = g.first.unseen(g.source, g.some)
	}
	if !ok {
		return nil, 0, false
	}
	n := g.least(i, now, g.burden)
	return n, i, n != nil
}

// burden is the time by which a neighbour would have passed on one more first
// copy, and all that it was given before and has, as far as this node knows,
// not passed on yet.
func (g *Giver) burden(n *neighbour) time.Duration {
	if g.queue.slowed[n.id] {
		return math.MaxInt64 // it would get it late, and so would all others
	}
	left := len(g.takers)
	n.firsts = slices.DeleteFunc(n.firsts, func(i int) bool { return g.lacking(i) == 0 })
	for _, i := range n.firsts {
		left += g.lacking(i)
	}
	each := n.each
	if each <= 0 {
		each = g.queue.each
	}
	return time.Duration(left) * max(each, 1)
}

// duty chooses a chunk that this node got first-hand, the oldest first.
func (g *Giver) duty(now time.Time) (*neighbour, int, bool) {
	g.own = slices.DeleteFunc(g.own, func(i int) bool { return g.lacking(i) == 0 })
	for _, i := range g.own {
		if g.inHand && !g.have.Has(i) {
			continue
		}
		if n := g.least(i, now, (*neighbour).load); n != nil {
			return n, i, true
		}
	}
	return nil, 0, false
}

// help chooses a chunk to help others with: for a neighbour that is behind, or
// the one that the fewest have.
func (g *Giver) help(now time.Time) (*neighbour, int, bool) {
	done := g.done(now)
	for _, set := range []content.Set{g.have, g.coming} {
		if n, i, ok := g.catchUp(set, now); ok {
			return n, i, ok
		}
		if n, i, ok := g.rarest(set, done, now); ok {
			return n, i, ok
		}
		if g.inHand {
			break
		}
	}
	return nil, 0, false
}

// measure finds out which neighbours are behind the others. A node with few
// neighbours of its own gets what all have later than they do; without help it
// is the last one at the end, when nobody else needs the uplinks. Small
// differences are left alone: if all went to the same neighbour first, most of
// their offers would be declined.
func (g *Giver) measure(now time.Time) {
	count := 0
	for _, n := range g.takers {
		count += n.count
	}
	for _, n := range g.takers {
		n.behind = 0
		if !n.full(now) {
			n.behind = max(0, count/len(g.takers)-n.count) / max(leastBehind, len(g.takers)/2)
		}
	}
}

// catchUp chooses the neighbour that is most behind, and of what it lacks the
// chunk that the fewest have.
func (g *Giver) catchUp(set content.Set, now time.Time) (*neighbour, int, bool) {
	var last *neighbour
	chunk := 0
	for _, n := range g.takers {
		if n.behind == 0 || last != nil && n.behind <= last.behind || !g.takes(n, now) {
			continue
		}
		if i, ok := g.rarestFor(n, set); ok {
			last, chunk = n, i
		}
	}
	return last, chunk, last != nil
}

// rarestFor chooses, of the chunks of set that n lacks, the one that the
// fewest have, any where several are.
func (g *Giver) rarestFor(n *neighbour, set content.Set) (int, bool) {
	return g.fewest(set, n.sure)
}

// done gives the chunks that all those hold who can be offered something now:
// one who takes no more for a while, but lacks most of the file, is not to keep
// this node from helping the others with the rest.
func (g *Giver) done(now time.Time) content.Set {
	if !slices.ContainsFunc(g.takers, func(n *neighbour) bool { return !g.takes(n, now) }) {
		return g.all
	}
	done := content.FullSet(g.have.Len())
	for _, n := range g.takers {
		if g.takes(n, now) {
			done.Keep(n.sure)
		}
	}
	return done
}

// rarest chooses the chunk of set, but not of done, that the fewest have, and
// for it the neighbour that this node brings least.
func (g *Giver) rarest(set, done content.Set, now time.Time) (*neighbour, int, bool) {
	i, ok := g.fewest(set, done)
	if !ok {
		return nil, 0, false
	}
	n := g.least(i, now, (*neighbour).load)
	return n, i, n != nil
}

// fewest chooses, of the chunks of set that are not in done, the one that most
// neighbours lack; any where several are. In a large file not all are looked
// at, but mostLooked from any one on.
func (g *Giver) fewest(set, done content.Set) (int, bool) {
	best, lack, ties, looked := -1, 0, 0, 0
	look := func(from, until int) {
		for i, ok := set.NextNotIn(from, done); ok && i < until && looked < mostLooked; i, ok = set.NextNotIn(i+1, done) {
			looked++
			switch l := g.lacking(i); {
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
	if set.Len() > mostLooked {
		start = g.rand.IntN(set.Len())
	}
	look(start, set.Len())
	look(0, start)
	return best, best >= 0
}

// least gives the neighbour lacking chunk i for which cost is least, any of
// them where several are; nil when none can take it now.
func (g *Giver) least(i int, now time.Time, cost func(*neighbour) time.Duration) *neighbour {
	var best *neighbour
	var least time.Duration
	ties := 0
	for _, n := range g.takers {
		if n.sure.Has(i) || !g.takes(n, now) {
			continue
		}
		switch c := cost(n); {
		case best == nil || c < least:
			best, least, ties = n, c, 1
		case c == least:
			if ties++; g.rand.IntN(ties) == 0 {
				best = n
			}
		}
	}
	return best
}

// load is how much this node is already bringing to n, less for one that is
// behind.
func (n *neighbour) load() time.Duration {
	return time.Duration(len(n.open) - mostAhead*n.behind)
}

// full tells that n has lately asked for no more: its downlink holds it back,
// and no neighbour can help.
func (n *neighbour) full(now time.Time) bool {
	return !n.later.IsZero() && now.Sub(n.later) < fullFor
}
