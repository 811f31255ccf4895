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
	// follows when its turn comes, unless the neighbour says no. That spares
	// the answers.
	Sure bool
}

// Giver chooses for one file what this node offers to whom, and in which order
// the accepted offers are sent. It is for one goroutine at a time.
type Giver struct {
	self   ID
	have   content.Set // what this node holds
	coming content.Set // what it is about to get: may be offered already
	source content.Set // … and did not get from the mesh: it is where these chunks come from
	near   map[ID]*neighbour
	takers []*neighbour // those that did not hold all of it when they joined
	held   []int32      // by chunk: how many takers hold it or are getting it
	some   content.Set  // chunks for which that is not 0
	all    content.Set  // chunks for which that is all of them
	own    []int        // chunks got first-hand and perhaps not passed on yet, oldest first
	first  handouts
	share  int  // how many offers one neighbour may have open
	spared bool // somebody was passed over because it has that many
	inHand bool // only what this node holds is to be offered now
	queue  queue
	rand   *rand.Rand
}

// neighbour is a node this one is connected with.
type neighbour struct {
	id     ID
	taker  bool
	sure   content.Set   // held, coming, or on offer from this node
	count  int           // of sure
	behind int           // by how many steps it has less than the others, when last measured
	open   offers        // on offer from this node, and since when
	firsts []int         // first copies it was given, perhaps not passed on yet
	late   map[int]bool  // offers taken back that it may still accept
	silent bool          // it owes an answer for too long, when last looked at
	later  time.Time     // it asked for no offers until then
	each   time.Duration // what its uplink takes for one chunk, as it says
}

// NewGiver makes the giver of a file of which this node holds have, kept as
// is. seed feeds the choice among equals.
func NewGiver(self ID, have content.Set) *Giver {
	rng := rand.New(rand.NewPCG(uint64(self), 0x9e3779b97f4a7c15))
	g := &Giver{
		self:   self,
		coming: content.NewSet(have.Len()),
		have:   have.Clone(),
		source: have.Clone(),
		near:   map[ID]*neighbour{},
		held:   make([]int32, have.Len()),
		some:   content.NewSet(have.Len()),
		all:    content.FullSet(have.Len()),
		queue:  queue{slowed: map[ID]bool{}},
		rand:   rng,
	}
	if have.Len() > 0 {
		// Two origins of one file begin at different chunks.
		g.first.next = rng.IntN(have.Len())
	}
	return g
}

// Join adds a neighbour that holds has.
func (g *Giver) Join(id ID, has content.Set) {
	g.Leave(id)
	n := &neighbour{id: id, taker: !has.Full(), sure: has.Clone(), late: map[int]bool{}}
	g.near[id] = n
	if !n.taker {
		return
	}
	g.takers = append(g.takers, n)
	n.count = n.sure.Count()
	for i := range n.sure.All() {
		g.held[i]++
	}
	g.some = g.some.Union(n.sure)
	g.all.Keep(n.sure)
}

// Leave forgets a neighbour. What it had still to pass on is helped with by
// whoever has it, or handed out again.
func (g *Giver) Leave(id ID) {
	n := g.near[id]
	if n == nil {
		return
	}
	delete(g.near, id)
	g.queue.dropAll(id)
	if !n.taker {
		return
	}
	g.takers = slices.DeleteFunc(g.takers, func(t *neighbour) bool { return t == n })
	for i := range n.sure.All() {
		g.held[i]--
	}
	for i := range g.held {
		g.place(i)
	}
}

// place puts chunk i into the sets that it belongs to.
func (g *Giver) place(i int) {
	if g.held[i] > 0 {
		g.some.Add(i)
	} else {
		g.some.Remove(i)
	}
	if g.lacking(i) == 0 {
		g.all.Add(i)
	} else {
		g.all.Remove(i)
	}
}

// Has records that a neighbour holds chunk i or is about to get it.
func (g *Giver) Has(id ID, i int) {
	if n := g.near[id]; n != nil && !n.sure.Has(i) {
		g.mark(n, i)
	}
}

// Pace records what a neighbour says that its uplink takes for one chunk. One
// that boasts gains nothing for long: what it does not pass on counts against
// it.
func (g *Giver) Pace(id ID, each time.Duration) {
	if n := g.near[id]; n != nil {
		n.each = each
	}
}

// Each is what this node's own uplink takes for one chunk, as far as is known
// by now; 0 when nothing was sent yet.
func (g *Giver) Each(now time.Time) time.Duration { return g.queue.pace(now) }

// Lost records that a neighbour will not get chunk i after all. An offer of it
// that is still to be sent is withdrawn.
func (g *Giver) Lost(id ID, i int) {
	n := g.near[id]
	if n == nil || !n.sure.Has(i) {
		return
	}
	n.open.remove(i)
	delete(n.late, i)
	g.queue.drop(Offer{To: id, Chunk: i})
	g.unmark(n, i)
}

// Got records that this node now holds chunk i.
func (g *Giver) Got(i int) {
	g.have.Add(i)
	g.coming.Remove(i)
}

// Coming records that this node is about to get chunk i, which may be offered
// from now on; first tells that it is the one to pass it on.
func (g *Giver) Coming(i int, first bool) {
	if g.have.Has(i) {
		return
	}
	g.coming.Add(i)
	if first {
		g.own = append(g.own, i)
	}
}

// NotComing takes Coming back.
func (g *Giver) NotComing(i int) {
	g.coming.Remove(i)
	g.own = slices.DeleteFunc(g.own, func(o int) bool { return o == i })
}

// Accepted records that a neighbour wants what was offered: it is sent when
// its turn comes (Next).
func (g *Giver) Accepted(id ID, i int, now time.Time) {
	n := g.near[id]
	if n == nil {
		return
	}
	since, ok := n.open.since(i)
	if ok {
		g.queue.accepted(Offer{To: id, Chunk: i}, now.Sub(since))
	} else if n.late[i] { // it waits for the chunk: we promised it
		delete(n.late, i)
		n.open.put(i, now)
		if !n.sure.Has(i) {
			g.mark(n, i)
		}
		g.queue.again(Offer{To: id, Chunk: i})
	}
}

// Declined records that a neighbour holds chunk i already or is getting it
// from somewhere else.
func (g *Giver) Declined(id ID, i int, now time.Time) {
	n := g.near[id]
	if n == nil {
		return
	}
	if since, ok := n.open.since(i); ok {
		n.open.remove(i)
		g.queue.declined(Offer{To: id, Chunk: i}, now.Sub(since))
	}
}

// Postponed records that a neighbour can not take chunk i now: it is offered
// nothing for wait.
func (g *Giver) Postponed(id ID, i int, until time.Time) {
	n := g.near[id]
	if n == nil {
		return
	}
	if _, ok := n.open.since(i); ok {
		n.open.remove(i)
		g.queue.drop(Offer{To: id, Chunk: i})
		g.unmark(n, i)
		n.later = until
	}
}

const (
	// An offer that is not answered within silentTrips of the usual, and
	// leastSilence at least, is taken back; its neighbour is offered nothing
	// for as long again.
	silentTrips  = 10
	leastSilence = time.Second
	// mostTransit is how long a chunk may be on its way while others overtake
	// it.
	mostTransit = time.Minute
)

// Tick takes back what neighbours neither accept nor decline nor receive. It
// is to be called every now and then.
func (g *Giver) Tick(now time.Time) {
	silence := max(leastSilence, silentTrips*g.queue.trip)
	for _, n := range g.takers {
		for _, open := range slices.Clone(n.open) {
			o := Offer{To: n.id, Chunk: open.chunk}
			t := g.queue.transit(o)
			lost := t != nil && g.queue.isStuck(t) && now.Sub(t.since) > mostTransit
			if lost || !g.queue.holds(o) && now.Sub(open.since) > silence {
				g.Lost(n.id, open.chunk)
				n.late[open.chunk] = true
				n.later = now.Add(now.Sub(open.since))
			}
		}
	}
}

// Next gives the accepted offer to send now, if there is one. Sent or Lost is
// to follow.
func (g *Giver) Next(now time.Time) (Offer, bool) { return g.queue.next(g.have, now) }

// Sent records that a neighbour has received chunk i whole.
func (g *Giver) Sent(id ID, i int, now time.Time) {
	if n := g.near[id]; n != nil {
		n.open.remove(i)
	}
	g.queue.sent(Offer{To: id, Chunk: i}, now)
}

// Done tells whether no neighbour lacks anything this node holds.
func (g *Giver) Done() bool {
	_, lacking := g.have.NextNotIn(0, g.all)
	return !lacking
}

// lacking counts the neighbours that chunk i still has to reach.
func (g *Giver) lacking(i int) int { return len(g.takers) - int(g.held[i]) }

func (g *Giver) mark(n *neighbour, i int) {
	n.sure.Add(i)
	n.count++
	if n.taker {
		g.held[i]++
		g.place(i)
	}
}

func (g *Giver) unmark(n *neighbour, i int) {
	n.sure.Remove(i)
	n.count--
	if n.taker {
		g.held[i]--
		g.place(i)
	}
}

// Holds tells whether this node holds chunk i.
func (g *Giver) Holds(i int) bool { return g.have.Has(i) }

// Held tells whether a neighbour holds chunk i or is about to get it.
func (g *Giver) Held(i int) bool {
	if g.held[i] > 0 {
		return true
	}
	for _, n := range g.near {
		if n.sure.Has(i) {
			return true
		}
	}
	return false
}
