package scheduler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// at20 is the usual case: a message takes as long as a chunk, one way, and
// announcements are collected for four.
func at20(n int) mesh { return mesh{chunks: 256, n: n, delay: 1, batch: 4} }

// far is a mesh in which a chunk takes unit on an uplink, and a word trip there and
// back.
func far(n, chunks int, unit, trip time.Duration) mesh {
	return mesh{chunks: chunks, n: n, delay: trip.Seconds() / 2 / unit.Seconds(), batch: 2, unit: unit}
}

// folder is a distribution of pieces that are not of one length.
func folder(n int, piece func(int) float64) mesh {
	m := at20(n)
	m.piece = piece
	return m
}

// packed are pieces of files of up to 20 KB each, as many as have room in 64 KiB.
func packed(chunk int) float64 { return 0.7 + 0.3*float64(chunk*7919%256)/256 }

// tails are pieces of longer files: of each the last one has what is left.
func tails(chunk int) float64 {
	if chunk%4 == 3 {
		return float64(1+chunk*7919%256) / 256
	}
	return 1
}

// alternating are pieces of which every second one is hardly anything.
func alternating(chunk int) float64 {
	if odd(chunk) {
		return 0.01
	}
	return 1
}

// withUp gives every receiver its uplink; the origin's is 1.
func (m mesh) withUp(up func(i int) float64) mesh {
	m.up = func(i int) float64 {
		if i == 0 {
			return 1
		}
		return up(i)
	}
	return m
}

// dialling has every receiver connect with the origin and with so many of
// those that came before it: those who come last have the fewest neighbours.
func (m mesh) dialling(others int) mesh {
	rng := rand.New(rand.NewPCG(uint64(m.n), 99))
	linked := map[[2]int]bool{}
	for i := 1; i <= m.n; i++ {
		linked[[2]int{0, i}] = true
		for _, earlier := range rng.Perm(i - 1)[:min(i-1, others)] {
			linked[[2]int{earlier + 1, i}] = true
		}
	}
	m.near = func(i, j int) bool { return linked[[2]int{i, j}] }
	return m
}

// bound is the least possible time: Kurose and Ross §2.5, in chunk times.
func (m mesh) bound() float64 {
	up := func(i int) float64 {
		if m.up == nil {
			return 1
		}
		return m.up(i)
	}
	sum, slowest := up(0), math.Inf(1)
	for i := 1; i <= m.n; i++ {
		sum += up(i)
		d := 5.0
		if m.down != nil {
			d = m.down(i)
		}
		slowest = min(slowest, d)
	}
	f := 0.0
	for c := range m.chunks {
		f += m.length(c)
	}
	return max(f/up(0), f/slowest, float64(m.n)*f/sum)
}

// acks is the share of an uplink left by the acknowledgements of a download.
func acks(int) float64 { return 0.96 }

func odd(i int) bool { return i%2 == 1 }

func TestHeavyDistributionTimeStaysNearTheBound(t *testing.T) {
	heavy(t)
	tests := []struct {
		name   string
		mesh   mesh
		most   float64 // × bound
		copies float64 // sent by the origin
	}{
		{"1 receiver", at20(1), 1.02, 1},
		{"2 receivers", at20(2), 1.025, 1.01},
		{"3 receivers", at20(3), 1.03, 1.02},
		{"4 receivers", at20(4), 1.035, 1.02},
		{"5 receivers", at20(5), 1.04, 1.03},
		{"8 receivers", at20(8), 1.05, 1.04},
		{"13 receivers", at20(13), 1.065, 1.05},
		{"16 receivers", at20(16), 1.06, 1.05},
		{"32 receivers", at20(32), 1.09, 1.08},
		{"32 receivers, acknowledgements on their uplinks", at20(32).withUp(acks), 1.1, 1.1},
		{"33 receivers, quick messages", mesh{chunks: 256, n: 33, delay: 0.2}, 1.06, 1.06},
		{"16 receivers, quick messages, chunks that come late", mesh{chunks: 256, n: 16, delay: 0.3}.dialling(6).withUp(acks), 1.054, 1.05},
		{"32 receivers, slow messages", mesh{chunks: 256, n: 32, delay: 2}, 1.13, 1.1},
		{"32 receivers with 16 neighbours", mesh{chunks: 256, n: 32, delay: 1, batch: 4, degree: 16}, 1.1, 1.08},
		{"32 receivers that dialled 6 others each", at20(32).dialling(6), 1.095, 1.08},
		{"16 receivers that dialled 4 others each", at20(16).dialling(4), 1.075, 1.06},
		{"128 receivers with 16 neighbours", mesh{chunks: 256, n: 128, delay: 1, batch: 4, degree: 16}, 1.13, 1.1},
		{"128 receivers with 32 neighbours", mesh{chunks: 256, n: 128, delay: 1, batch: 4, degree: 32}, 1.13, 1.1},
		{"a long file", mesh{chunks: 2048, n: 16, delay: 1, batch: 4}, 1.01, 1.01},
		{"starts spread over 12 chunk times", mesh{chunks: 256, n: 32, delay: 1, batch: 4,
			start: func(i int) float64 { return float64(i) * 12 / 32 }}, 1.1, 1.08},
		{"uplinks a quarter and twice as fast", at20(16).withUp(func(i int) float64 {
			if odd(i) {
				return 0.25
			}
			return 2
		}), 1.16, 1.08},
		{"one in four a free rider", at20(16).withUp(func(i int) float64 {
			if i%4 == 3 {
				return 0.025
			}
			return 1
		}), 1.15, 1.4},
		{"a chain", mesh{chunks: 256, n: 8, delay: 1, batch: 4,
			near: func(i, j int) bool { return j == i+1 }}, 1.12, 1.01},
		{"one receiver, 1 Gbit/s over 50 ms", far(1, 4096, 525*time.Microsecond, 50*time.Millisecond), 1.08, 1},
		{"one receiver, 1 Gbit/s over 100 ms", far(1, 4096, 525*time.Microsecond, 100*time.Millisecond), 1.17, 1},
		{"8 receivers, 50 Mbit/s over 60 ms", far(8, 512, 10500*time.Microsecond, 60*time.Millisecond), 1.06, 1.03},
		{"4 receivers of a folder of small files", folder(4, packed), 1.05, 1.03},
		{"16 receivers of a folder of small files", folder(16, packed), 1.08, 1.06},
		{"32 receivers of a folder of small files", folder(32, packed), 1.12, 1.09},
		{"16 receivers of a folder of files of four pieces", folder(16, tails), 1.12, 1.1},
		{"4 receivers of long and short pieces in turns", folder(4, alternating), 1.09, 1.05},
		{"16 receivers of long and short pieces in turns", folder(16, alternating), 1.25, 1.1},
		{"a receiver with a slow downlink", mesh{chunks: 256, n: 16, delay: 1, batch: 4,
			down: slowDownlink}, 1.03, 1.3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(3) {
				test.mesh.seed = seed + 1
				r := test.mesh.run()
				if x := r.makespan / test.mesh.bound(); x > test.most {
					t.Errorf("seed %d: %.3f × the bound, want at most %.3f", seed, x, test.most)
				}
				if r.copies > test.copies {
					t.Errorf("seed %d: the origin sent %.3f copies, want at most %.2f", seed, r.copies, test.copies)
				}
				if r.duplicates > 0.01 {
					t.Errorf("seed %d: %.2f %% arrived twice", seed, 100*r.duplicates)
				}
			}
		})
	}
}

// heavy skips a test under the race detector: the simulation is one goroutine,
// which races with nobody and takes ten times as long.
func heavy(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("not under the race detector")
	}
}

func slowDownlink(i int) float64 {
	if i == 3 {
		return 0.3
	}
	return 5
}

func TestHeavyUploadsAreEvenAmongEqualReceivers(t *testing.T) {
	heavy(t)
	for _, n := range []int{8, 32, 128} {
		m := at20(n)
		m.degree = 32
		m.seed = 4
		if r := m.run(); r.jain < 0.97 {
			t.Errorf("%d receivers: Jain index %.3f", n, r.jain)
		}
	}
}

func TestFewChunksSpreadInFewSteps(t *testing.T) {
	// A step is an offer, its answer and the chunk. Doubling takes log2 of the
	// nodes; twice that is allowed.
	for _, chunks := range []int{1, 2, 16} {
		m := mesh{chunks: chunks, n: 16, delay: 0.2, seed: 2}
		most := float64(chunks) + 2*math.Log2(17)*1.4
		if r := m.run(); r.makespan > most {
			t.Errorf("%d chunks took %.1f chunk times, want at most %.1f", chunks, r.makespan, most)
		}
	}
}

func TestASlowDownlinkDoesNotHoldTheOthersBack(t *testing.T) {
	tests := []struct {
		n              int
		slow, ordinary float64
	}{
		{16, 0.3, 5},
		// Where each has few neighbours, the slow one fills what its givers have
		// on their way.
		{2, 0.33, 3}, {3, 0.33, 3}, {4, 0.33, 3},
		// For long the slow one lacks most chunks and is offered nothing: the few
		// that others lack must be found among them.
		{3, 0.1, 5}, {4, 0.1, 5}, {16, 0.1, 5},
	}
	for _, test := range tests {
		for seed := range uint64(4) {
			m := at20(test.n)
			m.seed = seed + 1
			m.down = func(i int) float64 {
				if i == 2 {
					return test.slow
				}
				return test.ordinary
			}
			for i, done := range m.run().finished {
				if i+1 != 2 && done > 1.3*256 {
					t.Errorf("%+v, seed %d: number %d done after %.0f chunk times", test, m.seed, i+1, done)
				}
			}
		}
	}
}

func TestFreeRidersHardlySlowTheOthers(t *testing.T) {
	m := at20(16).withUp(func(i int) float64 {
		if i%4 == 3 {
			return 0.025
		}
		return 1
	})
	m.seed = 6
	r := m.run()
	for i, done := range r.finished {
		if (i+1)%4 != 3 && done > 1.15*m.bound() {
			t.Errorf("receiver %d done at %.2f × the bound", i+1, done/m.bound())
		}
	}
}

// TestWhoComesFirstIsNotGivenAll: nodes start within moments, and the first
// copies given to one alone would all wait for its uplink.
func TestWhoComesFirstIsNotGivenAll(t *testing.T) {
	all := content.NewSet(256)
	for i := range all.Len() {
		all.Add(i)
	}
	g := scheduler.NewGiver(99, all)
	given := map[scheduler.ID]int{}
	for id := range scheduler.ID(4) {
		g.Join(id, content.NewSet(all.Len()))
		for {
			o, ok := g.Offer(at(0))
			if !ok {
				break
			}
			given[o.To]++
		}
	}
	for id, n := range given {
		if n > 2 {
			t.Errorf("%d of the first offers went to number %d", n, id+1)
		}
	}
	if len(given) != 4 {
		t.Errorf("%d of 4 were offered something", len(given))
	}
}

// TestFreeRidersWhoAnswerLateHardlySlowTheOthers: what a slow uplink has to say
// to a neighbour waits behind the chunk that it sends there.
func TestFreeRidersWhoAnswerLateHardlySlowTheOthers(t *testing.T) {
	for seed := range uint64(3) {
		m := at20(16).dialling(6).withUp(func(i int) float64 {
			if i%4 == 3 {
				return 0.025
			}
			return 1
		})
		m.stuck, m.seed = true, seed+1
		r := m.run()
		for i, done := range r.finished {
			if done > 1.2*m.bound() {
				t.Errorf("seed %d: receiver %d done at %.2f × the bound", m.seed, i+1, done/m.bound())
			}
		}
	}
}

func TestALateJoinerIsServedByAll(t *testing.T) {
	m := at20(8)
	m.seed = 7
	m.start = func(i int) float64 {
		if i == 8 {
			return 200
		}
		return 0
	}
	r := m.run()
	// Its downlink takes 256/5 chunk times; the others are not done before 256.
	if done := r.finished[7]; done > 310 {
		t.Errorf("the late one was done at %.0f", done)
	}
	for i, done := range r.finished[:7] {
		if done > 1.1*256 {
			t.Errorf("receiver %d done at %.0f", i+1, done)
		}
	}
}

func TestTheOriginMayLeaveOnceOneCopyIsOut(t *testing.T) {
	m := at20(16)
	m.seed = 8
	m.leave = leaves(0, 264)
	if r := m.run(); r.makespan > 1.2*256 {
		t.Errorf("done at %.0f", r.makespan)
	}
}

func TestWhenTheOriginLeavesEarlyTheRestGetsAllThatIsThere(t *testing.T) {
	m := at20(8)
	m.seed = 9
	m.leave = leaves(0, 100)
	r := m.run()
	if !math.IsInf(r.makespan, 1) {
		t.Fatal("done without the chunks that the origin took along")
	}
	first := r.held[0]
	for i, held := range r.held {
		if held != first || held < 90 {
			t.Errorf("receiver %d holds %d chunks, the first %d", i+1, held, first)
		}
	}
}

// TestALeaversDutiesArePickedUp: nearly for nothing, as long as there is something
// else to do meanwhile. At the end the origin has to give again what only the leaver
// had; how much that is is chance, so it is the mean that is held.
func TestALeaversDutiesArePickedUp(t *testing.T) {
	for when, most := range map[float64]float64{20: 1.08, 130: 1.08, 250: 1.12} {
		sum := 0.0
		const seeds = 8
		for seed := range uint64(seeds) {
			m := at20(16)
			m.seed = seed + 1
			m.leave = leaves(5, when)
			sum += m.run().makespan / 256
		}
		if mean := sum / seeds; mean > most {
			t.Errorf("one left at %.0f: done after %.3f of the bound, at most %.2f", when, mean, most)
		}
	}
}

func TestTwoOriginsShareTheWork(t *testing.T) {
	m := at20(8)
	m.seed = 11
	m.holds = func(i, _ int) bool { return i == 1 }
	r := m.run()
	if most := 1.08 * 7 * 256 / 9; r.makespan > most { // 7 copies by 9 uplinks
		t.Errorf("done at %.0f, want at most %.0f", r.makespan, most)
	}
	if r.copies > 0.95 {
		t.Errorf("the first origin sent %.2f copies", r.copies)
	}
}

func TestPartsHeldBeforehandAreGivenByTheirHolders(t *testing.T) {
	m := at20(8)
	m.seed = 12
	m.holds = func(i, chunk int) bool { return chunk%16 == i } // half of the file is in the mesh
	r := m.run()
	if most := 1.08 * 7.5 * 256 / 9; r.makespan > most { // 7.5 copies by 9 uplinks
		t.Errorf("done at %.0f, want at most %.0f", r.makespan, most)
	}
}

func leaves(who int, when float64) func(int) float64 {
	return func(i int) float64 {
		if i == who {
			return when
		}
		return 0
	}
}

// BenchmarkMesh shows what the figures are for a range of meshes.
func BenchmarkMesh(b *testing.B) {
	for _, n := range []int{4, 8, 16, 32, 128} {
		for _, delay := range []float64{0.2, 1, 2} {
			b.Run(fmt.Sprintf("n=%d/delay=%g", n, delay), func(b *testing.B) {
				for i := range b.N {
					m := mesh{chunks: 256, n: n, delay: delay, degree: 40, seed: uint64(i)}
					r := m.run()
					b.ReportMetric(r.makespan/m.bound(), "×bound")
					b.ReportMetric(r.copies, "copies")
					b.ReportMetric(r.declined, "declined")
				}
			})
		}
	}
}
