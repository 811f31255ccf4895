package scheduler

import (
	"math"
	"slices"
	"time"
)

// maxOthersFirsts is of how many first copies that others gave a neighbour is kept
// in mind.
const maxOthersFirsts = 64

// firsts is what a neighbour has still to pass on, as far as is known here.
type firsts struct {
	given  []initialCopy // first copies from here, perhaps not passed on yet
	others []int         // those from others, as it seems; several nodes may bring chunks into the mesh
	stalls int           // how many had to be given again, less those it passed on
	keeps  bool          // nobody but it had the last one of those
	helps  bool          // it has offered what others brought since it got the last one: nothing of its own is left
}

// has returns whether chunk i was given it from here.
func (f *firsts) has(i int) bool {
	return slices.ContainsFunc(f.given, func(c initialCopy) bool { return c.chunk == i })
}

// relieve has chunk i, if it was given from here, not be to pass on any longer, and
// returns whether it was.
func (f *firsts) relieve(i int) bool {
	before := len(f.given)
	f.given = slices.DeleteFunc(f.given, func(c initialCopy) bool { return c.chunk == i })
	return len(f.given) < before
}

// fromOther notes that chunk i is coming from another who brings chunks into the
// mesh.
func (f *firsts) fromOther(i int) {
	if f.others = append(f.others, i); len(f.others) > maxOthersFirsts {
		f.others = f.others[1:]
	}
	f.helps = false
}

// Offered records that a neighbour offered chunk i, which it did not name a first
// copy. Who helps with what others are to pass on has passed on all of its own.
func (g *Giver) Offered(id ID, i int) {
	if n := g.near[id]; n != nil && !n.firsts.has(i) && !slices.Contains(n.firsts.others, i) {
		n.firsts.helps = true
	}
}

// burden is the time by which a neighbour would have passed on one more first
// copy, and all that it was given before and has, as far as this node knows,
// not passed on yet; twice as long for each that had to be given again. That it is
// quicker than this node is not believed of one that keeps what it gets.
func (g *Giver) burden(n *neighbour) time.Duration {
	if g.uplink.slowDownlinks[n.id] {
		return math.MaxInt64 // it would get it late, and so would all others
	}
	left := 0
	if !n.firsts.helps || n.firsts.stalls > 0 {
		n.firsts.others = slices.DeleteFunc(n.firsts.others, g.isPassedOn)
		left = len(g.takers) + g.lacking(n.firsts.others)
	}
	for _, c := range n.firsts.given {
		left += g.chunks.lacking(c.chunk)
	}
	each := n.chunkTime
	if each <= 0 || n.firsts.keeps {
		each = max(each, g.uplink.chunkTime)
	}
	return time.Duration(left) * max(each, 1) << n.firsts.stalls
}

// lacking is how many takers these chunks have still to reach.
func (g *Giver) lacking(chunks []int) (sum int) {
	for _, i := range chunks {
		sum += g.chunks.lacking(i)
	}
	return sum
}

func (g *Giver) isPassedOn(i int) bool { return g.chunks.lacking(i) == 0 }

// forgetPassedOn forgets the first copies, given and got, that all have by now,
// or of those given so many as show that their holder passes them on: the rest
// may take from nobody.
func (g *Giver) forgetPassedOn() {
	old := g.initial.forgetPassedOn(&g.chunks)
	g.duties = slices.DeleteFunc(g.duties, g.isPassedOn)
	for _, n := range g.takers {
		n.firsts.given = slices.DeleteFunc(n.firsts.given, func(c initialCopy) bool {
			done := g.isPassedOn(c.chunk) || g.chunks.held[c.chunk] > 1 && slices.Contains(old, c.chunk)
			if done {
				n.firsts.stalls, n.firsts.keeps = max(n.firsts.stalls-1, 0), false
			}
			return done
		})
	}
}

// blame notes that whoever was given the first copy of chunk i did not pass it on.
// If another does, that is not to its credit.
func (g *Giver) blame(i int) {
	for _, n := range g.takers {
		if n.firsts.relieve(i) {
			n.firsts.stalls, n.firsts.keeps = min(n.firsts.stalls+1, maxStalls), g.chunks.held[i] == 1
		}
	}
}

// passOnFor notes that a second copy of chunk i is given from here: if it was for one
// to pass on that kept others to itself, that is not to its credit.
func (g *Giver) passOnFor(i int) {
	for _, n := range g.takers {
		if n.firsts.keeps {
			n.firsts.relieve(i)
		}
	}
}

// owes reports whether n keeps a first copy to itself: for a round no other taker
// has got it, or had when it was given again.
func (g *Giver) owes(n *neighbour) bool {
	return n.firsts.keeps || slices.ContainsFunc(n.firsts.given, func(c initialCopy) bool {
		return g.chunks.held[c.chunk] == 1 && g.initial.rounds(c, &g.chunks) > 0
	})
}
