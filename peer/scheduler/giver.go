package scheduler

import (
	"math/rand/v2"
	"slices"
	"time"

	"starmesh/common/content"
)

// ID names a node: the same number everywhere, and spread evenly (a hash).
type ID uint64

// Offer is one chunk for one neighbour.
type Offer struct {
	To    ID
	Chunk int
	// First tells the neighbour that no other has the chunk: it is to pass it
	// on before anything else.
	First bool
	// Sure offers are hardly ever declined, for nobody else has this chunk: it
	// follows when its turn comes, unless the neighbour says no before. That
	// spares the answers, and over a distance their time.
	Sure bool
}

// Giver chooses for one file what this node offers to whom (offer.go), and in
// which order the accepted offers are sent (uplink.go). It is for one goroutine
// at a time.
type Giver struct {
	chunks  availability
	near    map[ID]*neighbour
	takers  []*neighbour // those that did not always hold all of it since they joined
	duties  []int        // chunks got first-hand and perhaps not passed on yet, oldest first
	initial initialCopies
	uplink  uplink
	rand    *rand.Rand // chooses among equals
}

// neighbour is a node this one is connected with.
type neighbour struct {
	id        ID
	isTaker   bool
	has       content.Set // held, coming, or on offer from this node
	count     int         // of has
	open      openOffers  // from this node, since when
	firsts    firsts
	withdrawn map[int]bool  // offers taken back that it may still accept
	notBefore time.Time     // it asked for no offers until then, or did not answer
	lapses    int           // how often it did not answer since it last did
	confirmed int           // chunks that it has received from here
	elsewhere int           // chunks that it has had from another, or is getting
	chunkTime time.Duration // what its uplink takes for one chunk, as it says; 0: unknown
}

// isFull tells that n has lately asked for no more: its downlink holds it back,
// and no neighbour can help.
func (n *neighbour) isFull(now time.Time) bool {
	return !n.notBefore.IsZero() && now.Sub(n.notBefore) < downlinkFullTime
}

// NewGiver makes the giver of a file of which this node, self, holds have. have
// is copied.
func NewGiver(self ID, have content.Set) *Giver {
	g := &Giver{
		chunks: newAvailability(have),
		near:   map[ID]*neighbour{},
		uplink: uplink{slowDownlinks: map[ID]bool{}, length: func(int) float64 { return 1 }},
		rand:   rand.New(rand.NewPCG(uint64(self), 0x9e3779b97f4a7c15)),
	}
	if have.Len() > 0 {
		// Two origins of one file begin at different chunks.
		g.initial.next = g.rand.IntN(have.Len())
	}
	return g
}

// leastLength is what a chunk counts at the least, however short it is: the words
// about it cost as much as others'.
const leastLength = 1.0 / 128

// Lengths tells how long each chunk is, as a share of a whole one: of a folder's
// pieces every second one may be short. Were they counted alike, the uplink would
// run dry whenever most of what is on offer is short.
func (g *Giver) Lengths(length func(chunk int) float64) {
	g.uplink.length = func(chunk int) float64 { return max(length(chunk), leastLength) }
}

// Join adds a neighbour that holds has, which is copied.
func (g *Giver) Join(id ID, has content.Set) {
	g.Leave(id)
	n := &neighbour{id: id, has: has.Clone(), count: has.Count(), withdrawn: map[int]bool{}}
	g.near[id] = n
	if !has.Full() {
		g.takeIn(n)
	}
}

// takeIn has a neighbour count as one who takes.
func (g *Giver) takeIn(n *neighbour) {
	n.isTaker = true
	g.takers = append(g.takers, n)
	g.chunks.join(n.has)
}

// Leave forgets a neighbour. What it had still to pass on is helped with by
// whoever has it, or handed out again.
func (g *Giver) Leave(id ID) {
	n := g.near[id]
	if n == nil {
		return
	}
	delete(g.near, id)
	g.uplink.dropAll(id)
	if n.isTaker {
		g.takers = slices.DeleteFunc(g.takers, func(t *neighbour) bool { return t == n })
		g.chunks.leave(n.has, g.takers)
		if len(g.takers) == 0 {
			g.uplink.window = window{} // whoever comes next may be at another distance
		}
	}
}

// Announced records that a neighbour holds chunk i or is about to get it.
func (g *Giver) Announced(id ID, i int) {
	if n := g.near[id]; n != nil && !n.has.Has(i) {
		if n.isTaker && g.chunks.held[i] == 1 && !g.chunks.have.Has(i) {
			n.firsts.fromOther(i) // the one who has it drew it
		}
		g.mark(n, i)
		if !n.withdrawn[i] {
			n.elsewhere++
		}
	}
}

// aloneShare is how many times as much a taker gets from here as from all others,
// if nobody else brings it anything: a chunk from here that came after it was
// given up looks like one from elsewhere.
const aloneShare = 4

// Alone returns how many of the takers hardly get anything but from this node,
// and how many there are.
func (g *Giver) Alone() (alone, takers int) {
	for _, n := range g.takers {
		if n.confirmed > aloneShare*n.elsewhere {
			alone++
		}
	}
	return alone, len(g.takers)
}

// Lost records that a neighbour will not get chunk i after all. An offer of it
// that is still to be sent is withdrawn.
func (g *Giver) Lost(id ID, i int) {
	n := g.near[id]
	if n == nil || !n.has.Has(i) {
		return
	}
	delete(n.withdrawn, i)
	g.withdraw(n, i)
}

// Pace records what a neighbour says that its uplink takes for one chunk. One
// that boasts gains nothing for long: what it does not pass on counts against
// it.
func (g *Giver) Pace(id ID, chunkTime time.Duration) {
	if n := g.near[id]; n != nil {
		n.chunkTime = chunkTime
	}
}

// ChunkTime is what this node's own uplink takes for one chunk, as far as is
// known by now; 0 when nothing was sent yet.
func (g *Giver) ChunkTime(now time.Time) time.Duration { return g.uplink.pace(now) }

// Got records that this node now holds chunk i.
func (g *Giver) Got(i int) {
	g.chunks.have.Add(i)
	g.chunks.coming.Remove(i)
}

// Brought records that this node now holds chunk i, from outside of the mesh: like
// what it had from the start it is for this node to hand out.
func (g *Giver) Brought(i int) {
	g.Got(i)
	g.chunks.source.Add(i)
}

// Backlog is how many chunks came into the mesh here and no taker has, or is
// getting.
func (g *Giver) Backlog() int {
	if g.chunks.takers == 0 {
		return 0
	}
	return g.chunks.source.Minus(g.chunks.inSome).Count()
}

// Gone records that this node holds chunk i no longer: what it has promised of it
// is void.
func (g *Giver) Gone(i int) {
	g.chunks.have.Remove(i)
	g.chunks.source.Remove(i)
	g.NotComing(i)
	for _, n := range g.near {
		if n.open.find(i) >= 0 {
			g.withdraw(n, i)
		}
	}
}

// Coming records that this node is about to get chunk i; first tells that it is
// the one to pass it on. It may be offered from now on if it is surely coming:
// what was only promised would be promised on and on, and all who did that would
// break their word.
func (g *Giver) Coming(i int, first, surely bool) {
	if g.chunks.have.Has(i) {
		return
	}
	if surely {
		g.chunks.coming.Add(i)
	}
	if first {
		g.duties = append(g.duties, i)
	}
}

// NotComing takes Coming back.
func (g *Giver) NotComing(i int) {
	g.chunks.coming.Remove(i)
	g.duties = slices.DeleteFunc(g.duties, func(d int) bool { return d == i })
}

// Holds reports whether this node holds chunk i.
func (g *Giver) Holds(i int) bool { return g.chunks.have.Has(i) }

// HeldNearby reports whether a neighbour holds chunk i or is about to get it.
func (g *Giver) HeldNearby(i int) bool {
	if g.chunks.held[i] > 0 {
		return true
	}
	for _, n := range g.near {
		if n.has.Has(i) {
			return true
		}
	}
	return false
}

// Nowhere returns those of the chunks that no neighbour holds or is about to get.
func (g *Giver) Nowhere(chunks content.Set) content.Set {
	for _, n := range g.near {
		if !n.isTaker {
			return content.NewSet(chunks.Len()) // it has always held all
		}
	}
	return chunks.Minus(g.chunks.inSome)
}

// mark notes that n has chunk i, or will.
func (g *Giver) mark(n *neighbour, i int) {
	n.has.Add(i)
	n.count++
	if n.isTaker {
		g.chunks.add(i, 1)
	}
}

// unmark takes mark back.
func (g *Giver) unmark(n *neighbour, i int) {
	n.has.Remove(i)
	n.count--
	if n.isTaker {
		g.chunks.add(i, -1)
	} else {
		g.takeIn(n) // what it lacks was on its way when it joined
	}
}
