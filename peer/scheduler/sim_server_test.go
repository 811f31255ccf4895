package scheduler_test

import (
	"slices"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// server is what has the file in place of an origin that is a node. Those that it
// brings chunks to share its uplink, as TCP connections do; to each it sends one
// chunk after the other.
type server struct {
	rate   float64                // chunks per unit
	known  bool                   // it tells all but the first of others that fetch the same
	down   func(now float64) bool // it does not answer then; nil: it always does
	unable func(i int) bool       // these nodes do not know it; nil: all do
	sent   int
	turn   []*node // whom it sends something, the next one first
	orders map[*node]*order
}

// order is what one node has asked a server for.
type order struct {
	deliver []func()
	part    float64 // of the first, that has left
}

// drawing is the half of a simulated node that asks a server.
type drawing struct {
	drawers *scheduler.Drawers
	asked   map[int]float64 // since when
}

func (n *node) beginDrawing() {
	if n.server == nil || n.id == 0 || n.server.unable != nil && n.server.unable(n.id) {
		return
	}
	n.drawers = scheduler.NewDrawers(n.key(), n.chunks)
	n.drawers.Begin(n.server.known && n.id > 1, at(n.now))
}

func (n *node) isFromServer(c claim) bool { return n.server != nil && c.from == 0 }

// neighbours are those that are there.
func (n *node) neighbours() int {
	count := 0
	for _, p := range n.near {
		if p.alive {
			count++
		}
	}
	return count
}

func (n *node) drawTick() {
	if n.drawers == nil {
		return
	}
	for chunk, since := range n.asked {
		if n.drawers.IsOverdue(at(since), at(n.now)) {
			delete(n.asked, chunk)
			if c, ok := n.claimed[chunk]; ok && n.isFromServer(c) {
				n.lose(chunk)
			}
			n.drawers.SetAble(false)
		}
	}
	if n.drawers.Tick(at(n.now)) {
		n.tellDrawers(n.near...)
	}
}

// tellDrawers tells neighbours who draws, and they pass on what is news.
func (n *node) tellDrawers(to ...*node) {
	if n.drawers == nil {
		return
	}
	beats := n.drawers.Tell(at(n.now))
	for _, p := range to {
		n.word(p, func() {
			if p.alive && p.drawers != nil && p.drawers.Heard(beats, at(p.now)) {
				p.after(2, func() { p.tellDrawers(p.near...) })
				p.gather()
			}
		})
	}
}

// circle is the neighbours that draw, and those who would take their places.
func (n *node) circle() (near []*node) {
	for _, b := range n.drawers.Tell(at(n.now)) {
		if p := n.byKey(b.ID); slices.Contains(n.near, p) {
			near = append(near, p)
		}
	}
	return near
}

// introduction is how long it takes until two that draw know each other, after the
// first has heard of the second.
const introduction = 10

// gather has this node know others that draw, if it does: whoever knows both
// introduces them.
func (n *node) gather() {
	beats := n.drawers.Tell(at(n.now))
	if !slices.ContainsFunc(beats, func(b scheduler.Beat) bool { return b.ID == n.key() }) {
		return
	}
	for _, b := range beats {
		if p := n.byKey(b.ID); p != n && p.alive && !slices.Contains(n.near, p) {
			n.near, p.near = append(n.near, p), append(p.near, n)
			n.after(introduction, func() {
				n.meet(p)
				p.meet(n)
			})
		}
	}
}

// draw asks the server for what falls to this node.
func (n *node) draw() {
	if n.drawers == nil || n.server.isDown(n.now) {
		return
	}
	missing := content.FullSet(n.chunks).Minus(n.have)
	for i := range n.claimed {
		missing.Remove(i)
	}
	if missing.Empty() {
		return
	}
	next := n.drawers.Next(scheduler.Demand{
		Missing: missing, Nowhere: n.giver.Nowhere(missing), Nodes: n.neighbours(),
		IsNear: func(id scheduler.ID) bool { return slices.Contains(n.near, n.byKey(id)) },
		Open:   len(n.asked), Backlog: n.giver.Backlog(), Lacking: n.missing(),
	}, at(n.now))
	for i := range next.All() {
		n.ask(i)
	}
}

func (s *server) isDown(now float64) bool { return s.down != nil && s.down(now) }

func (n *node) ask(chunk int) {
	s, since := n.server, n.now
	n.asked[chunk] = since
	n.claimed[chunk] = claim{0, n.now}
	n.tell(chunk, false)
	n.tellNow(n.circle()...) // they are not to ask for the same
	s.sent++
	n.after(n.delay, func() { s.order(n, func() { n.served(chunk, since) }) })
}

// served is what a node does with a chunk that it asked the server for then.
func (n *node) served(chunk int, since float64) {
	if !n.alive || n.server.isDown(n.now) {
		return
	}
	delete(n.asked, chunk)
	n.drawers.SetAble(true)
	n.drawers.Arrived(true, at(n.now).Sub(at(since)), at(n.now))
	if n.have.Has(chunk) {
		n.duplicates++
		return
	}
	n.giver.Brought(chunk)
	n.keep(chunk)
}

// open returns the server of one distribution.
func (s server) open() *server {
	s.orders = map[*node]*order{}
	return &s
}

// order has one chunk more sent to a node.
func (s *server) order(n *node, deliver func()) {
	o := s.orders[n]
	if o == nil {
		o = &order{}
		s.orders[n] = o
	}
	if o.deliver = append(o.deliver, deliver); len(o.deliver) > 1 {
		return
	}
	if s.turn = append(s.turn, n); len(s.turn) == 1 {
		s.send(n.sim)
	}
}

// share is the part of a chunk that is sent to one before it is another's turn.
const share = 1.0 / 4

// send sends whose turn it is a share, and then the next.
func (s *server) send(sim *sim) {
	sim.after(share/s.rate, func() {
		n := s.turn[0]
		o := s.orders[n]
		s.turn = s.turn[1:]
		if o.part += share; o.part >= 1 {
			sim.after(sim.delay, o.deliver[0])
			o.deliver, o.part = o.deliver[1:], 0
		}
		if len(o.deliver) > 0 && n.alive {
			s.turn = append(s.turn, n)
		}
		if len(s.turn) > 0 {
			s.send(sim)
		}
	})
}
