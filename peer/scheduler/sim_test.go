package scheduler_test

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// The simulator plays a whole mesh of Givers on a simulated clock, chunk by
// chunk: an uplink sends one chunk at a time, a downlink queues, a message
// takes a fixed delay. Time is counted in units of one chunk on an uplink of
// rate 1.

// mesh describes one simulated distribution.
type mesh struct {
	chunks int
	piece  func(chunk int) float64 // its length, of a chunk's; nil: 1 for all
	n      int                     // receivers; node 0 is the origin
	up     func(i int) float64     // chunks per unit; nil: 1 for all
	down   func(i int) float64     // nil: 5
	delay  float64                 // of a message, one way
	stuck  bool                    // a word waits behind the chunk that is on its way to the same neighbour
	batch  float64                 // announcements are collected for so long
	degree int                     // neighbours of a node; 0: all
	start  func(i int) float64     // when a receiver comes; nil: at once
	leave  func(i int) float64     // when it goes; 0 or nil: never
	holds  func(i, chunk int) bool // what receiver i has beforehand
	near   func(i, j int) bool     // who may connect with whom; nil: degree decides
	kind   func(i int) hostility   // nil: all are honest
	server *server                 // has the file in place of node 0, which is not there; nil: node 0 has it
	unit   time.Duration           // what a chunk takes on an uplink of rate 1; 0: at20Mbit
	seed   uint64
}

// result is what a distribution came to.
type result struct {
	makespan   float64   // all receivers that stay are done; +Inf if they never are
	finished   []float64 // by receiver
	copies     float64   // of the file, sent by the origin
	jain       float64   // of the receivers' uploads
	duplicates float64   // share of chunks received
	declined   float64   // share of offers
	held       []int     // chunks, by receiver, at the end
}

type sim struct {
	mesh
	now    float64
	events events
	count  int // events so far: those of one moment happen in order
	nodes  []*node
	rng    *rand.Rand
	left   int // receivers that stay and are not done

	offers, declines, arrivals, duplicates int
}

type node struct {
	*sim
	id       int
	kind     hostility
	giver    *scheduler.Giver
	taker    *scheduler.Taker
	givers   *scheduler.Reputation
	have     content.Set
	claimed  map[int]claim // by chunk
	near     []*node
	up, down float64
	upFree   float64
	downFree float64
	sent     int
	busyTo   map[*node]float64 // until when a chunk is being sent to it
	pending  map[*node][]news
	flushing bool
	alive    bool
	done     float64
	drawing
}

type claim struct {
	from  int
	since float64
}

type news struct {
	chunk int
	lost  bool
}

func (m mesh) length(chunk int) float64 {
	if m.piece == nil {
		return 1
	}
	return m.piece(chunk)
}

// at20Mbit is what 64 KiB take at 20 Mbit/s.
const at20Mbit = 27 * time.Millisecond

func (m mesh) at(t float64) time.Time {
	return time.Unix(0, 0).Add(time.Duration(t * float64(cmp.Or(m.unit, at20Mbit))))
}

func at(t float64) time.Time { return mesh{}.at(t) }

func (m mesh) run() result {
	if m.server != nil {
		m.server = m.server.open()
	}
	s := &sim{mesh: m, rng: rand.New(rand.NewPCG(m.seed, 7))}
	for i := 0; i <= m.n; i++ {
		s.nodes = append(s.nodes, s.makeNode(i))
	}
	s.wire()
	if s.server == nil {
		s.nodes[0].come()
	}
	for _, n := range s.nodes[1:] {
		if n.have.Full() {
			n.done = 0
		} else if n.kind == honest {
			s.left++
		}
		t := 0.0
		if m.start != nil {
			t = m.start(n.id)
		}
		s.after(t, n.come)
	}
	if m.leave != nil {
		for _, n := range s.nodes {
			if t := m.leave(n.id); t > 0 {
				if n.id > 0 {
					s.left--
				}
				s.after(t, n.quit)
			}
		}
	}
	for s.left > 0 && len(s.events) > 0 && s.now < 8*float64(m.chunks+100) {
		s.step()
	}
	return s.result()
}

func (s *sim) makeNode(i int) *node {
	n := &node{sim: s, id: i, up: 1, down: 5, claimed: map[int]claim{}, busyTo: map[*node]float64{}, pending: map[*node][]news{}, done: math.Inf(1)}
	if s.mesh.kind != nil {
		n.kind = s.mesh.kind(i)
	}
	if s.up != nil {
		n.up = s.up(i)
	}
	if s.mesh.down != nil {
		n.down = s.mesh.down(i)
	}
	n.have = content.NewSet(s.chunks)
	for c := range s.chunks {
		if i == 0 && s.server == nil || s.holds != nil && s.holds(i, c) || n.floods() {
			n.have.Add(c)
		}
	}
	n.givers = scheduler.NewReputation()
	n.taker = scheduler.NewTaker(n.givers)
	n.giver = scheduler.NewGiver(n.key(), n.have)
	n.giver.Lengths(s.length)
	n.asked = map[int]float64{}
	return n
}

// wire links every node with degree/2 others of its choice, or with all.
func (s *sim) wire() {
	link := func(a, b *node) {
		for _, x := range a.near {
			if x == b {
				return
			}
		}
		a.near = append(a.near, b)
		b.near = append(b.near, a)
	}
	for i, a := range s.nodes {
		for j := i + 1; j < len(s.nodes); j++ {
			if s.mesh.near != nil && s.mesh.near(i, j) || s.mesh.near == nil && (s.degree == 0 || s.degree >= len(s.nodes)) {
				link(a, s.nodes[j])
			}
		}
	}
	if s.mesh.near != nil || s.degree == 0 || s.degree >= len(s.nodes) {
		return
	}
	for _, a := range s.nodes {
		for tries := 0; tries < 20 && len(a.near) < s.degree; tries++ {
			b := s.nodes[s.rng.IntN(len(s.nodes))]
			if b != a && len(b.near) < s.degree+2 {
				link(a, b)
			}
		}
	}
}

// key is the node's ID: the number mixed with the seed, with the index below.
func (n *node) key() scheduler.ID {
	return scheduler.ID(rand.New(rand.NewPCG(n.seed, uint64(n.id))).Uint64()<<16 | uint64(n.id))
}

func (s *sim) byKey(id scheduler.ID) *node { return s.nodes[id&0xffff] }

func (n *node) come() {
	n.alive = true
	n.beginDrawing()
	for _, p := range n.near {
		if p.alive {
			n.meet(p)
			p.meet(n)
		}
	}
	n.tick()
	n.flood()
}

func (n *node) quit() {
	n.alive = false
	for _, p := range n.near {
		if p.alive {
			p.giver.Leave(n.key())
			p.givers.Left(n.key())
			if p.drawers != nil {
				p.drawers.Left(n.key())
			}
			for _, chunk := range slices.Sorted(maps.Keys(p.claimed)) {
				if p.claimed[chunk].from == n.id {
					p.lose(chunk)
				}
			}
			n.after(0, p.step)
		}
	}
}

func (n *node) meet(p *node) {
	has := p.have.Clone()
	for c := range p.claimed {
		has.Add(c)
	}
	n.giver.Join(p.key(), has)
	n.tellDrawers(p)
	n.after(0, n.step)
}

// tick gives the giver an occasion to act when nothing happens.
func (n *node) tick() {
	if !n.alive {
		return
	}
	n.late()
	n.giver.Tick(n.at(n.now))
	n.drawTick()
	n.step()
	n.after(5, n.tick)
}

// step does all that the giver wants done now.
func (n *node) step() {
	if !n.alive || n.isPassive() {
		return
	}
	n.draw()
	for {
		o, ok := n.giver.Offer(n.at(n.now))
		if !ok {
			break
		}
		n.offers++
		n.tellNow(n.byKey(o.To))
		n.word(n.byKey(o.To), func() { n.byKey(o.To).offered(n, o) })
	}
	for {
		to, chunk, ok := n.giver.Next(n.at(n.now))
		if !ok {
			break
		}
		n.send(n.byKey(to), chunk)
	}
}

// word brings a message to p.
func (n *node) word(p *node, arrive func()) {
	wait := n.delay
	if n.stuck {
		wait += max(0, n.busyTo[p]-n.now)
	}
	n.after(wait, arrive)
}

func (n *node) missing() int { return n.chunks - n.have.Count() }

// tell announces to all neighbours, a batch at a time, or with the next word to one.
func (n *node) tell(chunk int, lost bool) {
	if n.isFrozen() {
		return
	}
	for _, p := range n.near {
		n.pending[p] = append(n.pending[p], news{chunk, lost})
	}
	if n.flushing {
		return
	}
	n.flushing = true
	n.after(n.batch, func() {
		n.flushing = false
		n.tellNow(n.near...)
	})
}

// tellNow brings to neighbours what they have not been told of.
func (n *node) tellNow(to ...*node) {
	for _, p := range to {
		if batch := n.pending[p]; len(batch) > 0 && !n.isFrozen() {
			delete(n.pending, p)
			each := n.giver.ChunkTime(n.at(n.now))
			if n.kind == boaster {
				each /= 100
			}
			n.word(p, func() { p.hear(n, batch, each) })
		}
	}
}

func (n *node) hear(from *node, batch []news, each time.Duration) {
	if !n.alive || !from.alive {
		return
	}
	n.giver.Pace(from.key(), each)
	for _, b := range batch {
		if b.lost {
			n.giver.Lost(from.key(), b.chunk)
		} else {
			n.giver.Announced(from.key(), b.chunk)
		}
	}
	n.step()
}

func (n *node) send(to *node, chunk int) {
	if to.kind == clogged && to.isFrozen() {
		return
	}
	n.sent++
	out := max(n.now, n.upFree) + n.length(chunk)/n.up
	n.upFree = out
	n.busyTo[to] = out
	to.downFree = max(to.downFree, n.now) + n.length(chunk)/to.down
	in := max(out, to.downFree)
	n.after(out-n.now, func() { n.giver.Written(to.key(), chunk, n.at(n.now)) })
	n.after(in-n.now, func() {
		if to.alive && n.alive {
			to.receive(n, chunk)
		}
	})
	n.after(in-n.now, func() {
		if !to.confirms() {
			return
		}
		to.word(n, func() { // the receipt
			n.giver.Delivered(to.key(), chunk, n.at(n.now))
			n.step()
		})
	})
}

func (s *sim) result() result {
	r := result{copies: float64(s.nodes[0].sent) / float64(s.chunks)}
	if s.server != nil {
		r.copies = float64(s.server.sent) / float64(s.chunks)
	}
	sum, squares := 0.0, 0.0
	for _, n := range s.nodes[1:] {
		sum += float64(n.sent)
		squares += float64(n.sent) * float64(n.sent)
		r.finished = append(r.finished, n.done)
		r.held = append(r.held, n.have.Count())
		if n.kind == honest && (s.leave == nil || s.leave(n.id) == 0) {
			r.makespan = max(r.makespan, n.done)
		}
	}
	r.jain = sum * sum / squares / float64(s.n)
	r.duplicates = float64(s.duplicates) / float64(s.arrivals)
	r.declined = float64(s.declines) / float64(s.offers)
	return r
}
