package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// hostility is what a node of the simulator does instead of its part.
type hostility int

const (
	honest   hostility = iota
	frozen             // an ordinary node that stops in the middle, as with SIGSTOP
	clogged            // the same, but what it is sent does not even leave its givers
	mute               // accepts all it is offered, confirms nothing and passes nothing on
	promiser           // has the file, offers each chunk again and again, and sends nothing
	trickler           // the same, and sends right chunks, one in 3.2 s
	repeater           // an ordinary node that accepts each offer 100 times
	absent             // says nothing at all
	boaster            // an ordinary node that says it is a hundred times as quick
)

func (h hostility) String() string {
	return [...]string{"honest", "frozen", "clogged", "mute", "promiser", "trickler", "repeater", "absent", "boaster"}[h]
}

const (
	frozenAt     = 60    // chunk times
	hostileOffer = 0.2   // between two offers to one neighbour: 5 ms
	trickleRate  = 0.008 // chunks in one chunk time: 20 KiB/s
)

// accept answers an offer as a hostile node does; false: as an honest one.
func (n *node) accept(from *node, o scheduler.Offer) bool {
	switch n.kind {
	case mute:
		n.word(from, func() { from.giver.Accepted(n.key(), o.Chunk, n.at(n.now)); from.step() })
		return true
	case absent:
		return true
	case promiser, trickler:
		n.word(from, func() { from.giver.Declined(n.key(), o.Chunk, n.at(n.now)); from.step() })
		return true
	default:
		return n.isFrozen()
	}
}

// answers is how often it accepts an offer.
func (n *node) answers(o scheduler.Offer) int {
	switch {
	case n.kind == repeater:
		return 100
	case o.Sure:
		return 0
	default:
		return 1
	}
}

func (n *node) isFrozen() bool {
	return (n.kind == frozen || n.kind == clogged) && n.now > frozenAt
}

// isPassive reports whether it gives nothing as others do.
func (n *node) isPassive() bool {
	return n.kind == mute || n.kind == absent || n.floods() || n.isFrozen()
}

// floods reports whether it offers whatever others may lack.
func (n *node) floods() bool { return n.kind == promiser || n.kind == trickler }

// confirms reports whether it tells givers of the chunks that it received.
func (n *node) confirms() bool { return n.kind != mute && n.kind != absent && !n.isFrozen() }

// flood offers whatever a neighbour may lack, for as long as it is there.
func (n *node) flood() {
	if !n.floods() {
		return
	}
	for _, p := range n.near {
		if !p.alive || p.kind != honest || p.have.Full() {
			continue
		}
		o := scheduler.Offer{To: p.key(), Chunk: n.rng.IntN(n.chunks)}
		n.word(p, func() { p.offered(n, o) })
	}
	n.after(hostileOffer, n.flood)
}

// promised is told that what a hostile node offered was accepted.
func (n *node) promised(to *node, chunk int) {
	if n.kind == trickler {
		n.send(to, chunk)
	}
}

// TestHeavyHostileNeighboursDoNotStopTheOthers: with up to three in ten of them,
// honest receivers finish within 1.5 times their time without, and 2 s.
func TestHeavyHostileNeighboursDoNotStopTheOthers(t *testing.T) {
	heavy(t)
	const receivers = 10
	without := at20(receivers).run().makespan
	tests := map[string]func(i int) hostility{
		"4 of different kinds": func(i int) hostility { return []hostility{clogged, mute, promiser, trickler}[i-1] },
	}
	for kind := frozen; kind <= absent; kind++ {
		tests[fmt.Sprint("1 ", kind)] = func(i int) hostility {
			if i > 1 {
				return honest
			}
			return kind
		}
		tests[fmt.Sprint("4 ", kind)] = func(int) hostility { return kind }
	}
	for name, kind := range tests {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				m := at20(receivers + 4)
				m.seed = seed + 1
				m.kind = func(i int) hostility {
					if i < 1 || i > 4 {
						return honest
					}
					return kind(i)
				}
				m.up = func(i int) float64 {
					if m.kind(i) == trickler {
						return trickleRate
					}
					return 1
				}
				if with := m.run().makespan; with > 1.5*without+float64(2*time.Second/at20Mbit) {
					t.Errorf("seed %d: %.0f chunk times, %.0f without", m.seed, with, without)
				}
			}
		})
	}
}

// TestHeavyACrowdOfNewcomersDoesNotStopTheOthers, though they are more than the
// honest: chunks are given to few of them at a time, and not waited for.
func TestHeavyACrowdOfNewcomersDoesNotStopTheOthers(t *testing.T) {
	heavy(t)
	const receivers = 4
	for _, test := range []struct {
		chunks, crowd int
		kind          hostility
	}{{64, 20, absent}, {1024, 20, absent}, {64, 5, mute}, {1024, 20, mute}} {
		m := at20(receivers)
		m.chunks = test.chunks
		without := m.run().makespan
		for seed := range uint64(4) {
			m.n, m.seed = test.crowd+receivers, seed+1
			m.kind = func(i int) hostility {
				if i == 0 || i > test.crowd {
					return honest
				}
				return test.kind
			}
			r := m.run()
			if r.makespan > 1.1*without+float64(2*time.Second/at20Mbit) {
				t.Errorf("%+v, seed %d: %.0f chunk times, %.0f without", test, m.seed, r.makespan, without)
			}
			if r.copies > 1.6 {
				t.Errorf("%+v, seed %d: the origin sent %.2f copies", test, m.seed, r.copies)
			}
		}
	}
}

// TestHeavyWhomAllOthersLeaveAloneHardlySlowsThem: liars take from the origin alone,
// which hears nothing of what they did, and is told how quick they are.
func TestHeavyWhomAllOthersLeaveAloneHardlySlowsThem(t *testing.T) {
	heavy(t)
	const receivers = 4
	for _, chunks := range []int{64, 256, 1024} {
		for seed := range uint64(4) {
			m := at20(receivers + 2)
			m.chunks, m.seed = chunks, seed+1
			m.near = func(i, j int) bool { return i == 0 || j <= receivers }
			m.kind = func(i int) hostility {
				if i > receivers {
					return boaster
				}
				return honest
			}
			for i, done := range m.run().finished[:receivers] {
				if done > 1.25*float64(chunks) {
					t.Errorf("%d chunks, seed %d: number %d done after %.0f chunk times", chunks, m.seed, i+1, done)
				}
			}
		}
	}
}

// TestWhoComesAfterOneThatFrozeIsServed: the uplink is not kept for who takes
// nothing more.
func TestWhoComesAfterOneThatFrozeIsServed(t *testing.T) {
	for _, kind := range []hostility{frozen, clogged, mute} {
		m := at20(2)
		m.kind = func(i int) hostility {
			if i == 1 {
				return kind
			}
			return honest
		}
		m.start = func(i int) float64 { return 100 * float64(i-1) }
		if took := m.run().makespan - 100; took > 256+float64(2*time.Second/at20Mbit) {
			t.Errorf("after one that is %v it took %.0f chunk times", kind, took)
		}
	}
}

// TestAChunkIsNotInDoubtForEver: a giver that failed once before it had brought
// anything may be the only one that has the chunk.
func TestAChunkIsNotInDoubtForEver(t *testing.T) {
	begin := time.Now()
	taker := scheduler.NewTaker(scheduler.NewReputation())
	taker.Arrived(2, 0, time.Millisecond, begin)
	taker.GaveUp(3, 1, time.Second, begin)
	last := scheduler.Promises{Lacking: 1}
	if later := begin.Add(2 * time.Second); taker.Accepts(3, 1, last, later) || !taker.Accepts(2, 1, last, later) {
		t.Error("who has brought something is not preferred")
	}
	for wait := time.Duration(0); ; {
		if wait > 10*time.Second {
			t.Fatal("the only one that has the chunk is never heard")
		}
		at := begin.Add(wait)
		if taker.Accepts(3, 1, last, at) {
			break
		}
		wait += max(taker.Postpone(3, 1, last, at), scheduler.MinWait)
	}
}

// TestAnOfferIsAcceptedOnce, however often that is said.
func TestAnOfferIsAcceptedOnce(t *testing.T) {
	g := scheduler.NewGiver(1, content.FullSet(3))
	g.Join(2, content.NewSet(3))
	o, _ := g.Offer(at(0))
	for range 1000 {
		g.Accepted(2, o.Chunk, at(1))
	}
	sent := 0
	for {
		to, i, ok := g.Next(at(1))
		if !ok {
			break
		}
		sent++
		g.Delivered(to, i, at(1))
		g.Accepted(2, o.Chunk, at(1))
	}
	if sent != 1 {
		t.Errorf("it was sent %d times", sent)
	}
}

// TestWhoLosesTheLastChunkIsOfferedIt: all that it has not yet was on its way
// when it joined.
func TestWhoLosesTheLastChunkIsOfferedIt(t *testing.T) {
	g := scheduler.NewGiver(1, content.FullSet(3))
	g.Join(2, content.FullSet(3))
	g.Lost(2, 1)
	if o, ok := g.Offer(at(0)); !ok || o.To != 2 || o.Chunk != 1 {
		t.Errorf("offered %+v, %v", o, ok)
	}
}
