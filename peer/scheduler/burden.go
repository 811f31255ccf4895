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
	given  []int // first copies from here, perhaps not passed on yet
	others []int // those from others, as it seems; several nodes may bring chunks into the mesh
	stalls int   // how many had to be given again, less those it passed on
	helps  bool  // it has offered what others brought since it got the last one: nothing of its own is left
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
	if n := g.near[id]; n != nil && !slices.Contains(n.firsts.given, i) && !slices.Contains(n.firsts.others, i) {
		n.firsts.helps = true
	}
}

// burden is the time by which a neighbour would have passed on one more first
// copy, and all that it was given before and has, as far as this node knows,
// not passed on yet; twice as long for each that had to be given again.
func (g *Giver) burden(n *neighbour) time.Duration {
	if g.uplink.slowDownlinks[n.id] {
		return math.MaxInt64 // it would get it late, and so would all others
	}
	left := 0
	if !n.firsts.helps || n.firsts.stalls > 0 {
		n.firsts.others = slices.DeleteFunc(n.firsts.others, g.isPassedOn)
		left = len(g.takers) + g.lacking(n.firsts.others)
	}
	left += g.lacking(n.firsts.given)
	each := n.chunkTime
	if each <= 0 {
		each = g.uplink.chunkTime
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
		n.firsts.given = slices.DeleteFunc(n.firsts.given, func(i int) bool {
			done := g.isPassedOn(i) || g.chunks.held[i] > 1 && slices.Contains(old, i)
			if done {
				n.firsts.stalls = max(n.firsts.stalls-1, 0)
			}
			return done
		})
	}
}

// blame notes that whoever was given the first copy of chunk i did not pass it on.
// If another does, that is not to its credit.
func (g *Giver) blame(i int) {
	for _, n := range g.takers {
		if at := slices.Index(n.firsts.given, i); at >= 0 {
			n.firsts.given = slices.Delete(n.firsts.given, at, at+1)
			n.firsts.stalls = min(n.firsts.stalls+1, maxStalls)
		}
	}
}
