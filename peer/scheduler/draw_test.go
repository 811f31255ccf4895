package scheduler_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// served is a mesh with a server of an equal uplink.
func served(n, degree int) mesh {
	return mesh{chunks: 256, n: n, delay: 1, batch: 4, degree: degree, server: &server{rate: 1, known: true}}
}

// spared is what a mesh that draws on a server may come to at the most.
type spared struct {
	name   string
	mesh   mesh
	most   float64 // × bound
	copies float64 // sent by the server
}

func (c spared) check(t *testing.T) {
	t.Helper()
	for seed := range uint64(3) {
		c.mesh.seed = seed + 1
		r := c.mesh.run()
		x := r.makespan / c.mesh.bound()
		if x > c.most || r.copies > c.copies || r.duplicates > 0.01 {
			t.Errorf("%s, seed %d: %.3f × bound, %.3f copies, %.3f of all twice; at most %.2f, %.2f and 0.01",
				c.name, seed, x, r.copies, r.duplicates, c.most, c.copies)
		}
	}
}

func TestTheServerIsSpared(t *testing.T) {
	for _, c := range []spared{
		{"1 receiver", served(1, 0), 1.03, 1},
		{"2 receivers", served(2, 0), 1.05, 1.05},
		{"4 receivers", served(4, 0), 1.08, 1.05},
		{"8 receivers", served(8, 0), 1.09, 1.05},
	} {
		c.check(t)
	}
}

func TestHeavyTheServerIsSparedByMany(t *testing.T) {
	heavy(t)
	for _, c := range []spared{
		{"16 receivers", served(16, 0), 1.1, 1.05},
		{"32 receivers", served(32, 0), 1.12, 1.05},
		{"32 receivers with 16 neighbours", served(32, 16), 1.12, 1.05},
		{"128 receivers with 16 neighbours", served(128, 16), 1.15, 1.05},
	} {
		c.check(t)
	}
}

// TestWhatIsSentUnaskedDoesNotComeTwice: the word of it may wait behind a chunk, and
// another, who was told of the same chunk sooner, be quicker to offer it.
func TestWhatIsSentUnaskedDoesNotComeTwice(t *testing.T) {
	for _, n := range []int{3, 4} {
		for seed := range uint64(8) {
			m := served(n, 0)
			m.stuck, m.seed = true, seed+1
			if r := m.run(); r.duplicates > 0.002 {
				t.Errorf("%d receivers, seed %d: %.2f %% came twice", n, m.seed, 100*r.duplicates)
			}
		}
	}
}

// TestStrangersSpareTheServerToo: who does not know of others at first asks for one
// chunk, and then hears of them.
func TestStrangersSpareTheServerToo(t *testing.T) {
	m := served(8, 0)
	m.server.known = false
	spared{"8 receivers that meet by chance", m, 1.12, 1.1}.check(t)
}

// TestWhenThoseWhoDrawGoOthersDo: all four at once, in the middle.
func TestWhenThoseWhoDrawGoOthersDo(t *testing.T) {
	m := served(12, 0)
	m.seed = 3
	s := &sim{mesh: m}
	var keys []scheduler.ID
	for i := 1; i <= m.n; i++ {
		keys = append(keys, (&node{sim: s, id: i}).key())
	}
	slices.Sort(keys)
	m.leave = func(i int) float64 {
		if slices.Contains(keys[:4], (&node{sim: s, id: i}).key()) {
			return 100
		}
		return 0
	}
	r := m.run()
	if seconds := (r.makespan - 256) * at20Mbit.Seconds(); seconds > 3 || r.copies > 1.3 {
		t.Errorf("they have it %.1f s after the server could have sent it once; %.2f copies", seconds, r.copies)
	}
}

// TestTheMeshEndsWhatTheServerBegan: once one copy is out.
func TestTheMeshEndsWhatTheServerBegan(t *testing.T) {
	m := served(8, 0)
	m.seed, m.server.down = 1, func(now float64) bool { return now > 270 }
	if r := m.run(); r.makespan > 300 {
		t.Errorf("they have it after %.0f", r.makespan)
	}
}

// TestAServerThatComesBackIsAskedAgain: after 10 seconds.
func TestAServerThatComesBackIsAskedAgain(t *testing.T) {
	m := served(8, 0)
	m.seed, m.server.down = 1, func(now float64) bool { return now > 100 && now < 470 }
	if r := m.run(); (r.makespan-470-156)*at20Mbit.Seconds() > 4 || r.copies > 1.3 {
		t.Errorf("they have it after %.0f, with %.2f copies", r.makespan, r.copies)
	}
}

// TestASlowMeshIsHelpedByItsServer: in 1.6 times the time of a star, though a chunk
// takes over a second on the receivers' uplinks, and who promised one brings it late.
func TestASlowMeshIsHelpedByItsServer(t *testing.T) {
	m := served(4, 0).withUp(func(int) float64 { return 0.02 })
	m.seed = 1
	if r := m.run(); r.makespan > 1.6*4*256 {
		t.Errorf("they have it after %.0f, a star takes %d", r.makespan, 4*256)
	}
}

// TestAFreeRiderThatDrawsHardlySlowsTheOthers: what it brought and passes on to nobody
// others ask the server for one after the other, not one whenever all have waited.
func TestAFreeRiderThatDrawsHardlySlowsTheOthers(t *testing.T) {
	for seed := range uint64(20) {
		m := served(4, 0).withUp(func(i int) float64 {
			if i == 2 {
				return 0
			}
			return 1
		})
		m.seed = seed + 1
		if r := m.run(); r.makespan > 4*m.bound() || r.copies > 1.3 {
			t.Errorf("seed %d: %.2f × bound, %.2f copies", m.seed, r.makespan/m.bound(), r.copies)
		}
	}
}

func TestWhoSaysNothingNewIsNoNews(t *testing.T) {
	now := at(0)
	d := scheduler.NewDrawers(1000, 8)
	if !d.Heard([]scheduler.Beat{{ID: 5, Count: 7}}, now) || d.Heard([]scheduler.Beat{{ID: 5, Count: 7}, {ID: 5, Count: 6}, {ID: 1000, Count: 9}}, now) {
		t.Error("only a count that grows, of another node, is news")
	}
	for id := range scheduler.ID(1000) {
		d.Heard([]scheduler.Beat{{ID: id + 10, Count: 1}}, now)
	}
	if told := d.Tell(now); len(told) != scheduler.MaxDrawers || told[0].ID != 5 || told[1].ID != 10 {
		t.Errorf("a thousand told: %v", told)
	}
	d.Begin(false, now)
	if d.Tick(now) {
		t.Error("a node that is not among the lowest makes itself known")
	}
	now = now.Add(4 * time.Second)
	if told := d.Tell(now); len(told) != 0 {
		t.Errorf("who was not heard of for 4 s is told: %v", told)
	}
	if d.Heard([]scheduler.Beat{{ID: 5, Count: 7}}, now) {
		t.Error("what was heard before is a sign of life")
	}
	if !d.Tick(now) || d.Tell(now)[0].ID != 1000 {
		t.Error("the next one does not take the place")
	}
}

// BenchmarkDraw asks what a server is to be asked for, of a file of 400 GB of which
// half is there.
func BenchmarkDraw(b *testing.B) {
	const chunks = 400_000
	now := at(0)
	d := scheduler.NewDrawers(1000, chunks)
	d.Heard([]scheduler.Beat{{ID: 5, Count: 1}, {ID: 7, Count: 1}, {ID: 2000, Count: 1}}, now)
	d.Begin(true, now)
	missing := content.FullSet(chunks)
	for i := range chunks / 2 {
		missing.Remove(i * 2)
	}
	want := scheduler.Demand{Missing: missing, Nodes: 3, Lacking: chunks / 2, IsNear: func(scheduler.ID) bool { return true }}
	want.Nowhere = missing.Clone()
	d.Next(want, now)
	now = now.Add(2 * time.Second) // it knows who draws
	asked := 0
	for b.Loop() {
		next := d.Next(want, now)
		d.Arrived(true, time.Millisecond, now)
		for i := range next.All() {
			asked++
			want.Nowhere.Remove(i)
		}
	}
	if asked == 0 {
		b.Error("nothing is asked for")
	}
}

// BenchmarkServed shows what meshes that draw on a server come to at the worst, with
// -benchtime 8x of eight seeds.
func BenchmarkServed(b *testing.B) {
	for _, n := range []int{1, 2, 3, 4, 8, 16, 32, 128, 1000} {
		degrees := []int{0}
		if n >= 32 {
			degrees = []int{16, 40}
		}
		for _, degree := range degrees {
			b.Run(fmt.Sprintf("n=%d/degree=%d", n, degree), func(b *testing.B) {
				most, copies, twice := 0.0, 0.0, 0.0
				for i := range b.N {
					m := served(n, degree)
					m.seed = uint64(i) + 1
					r := m.run()
					most, copies, twice = max(most, r.makespan/m.bound()), max(copies, r.copies), max(twice, r.duplicates)
				}
				b.ReportMetric(most, "×bound")
				b.ReportMetric(copies, "copies")
				b.ReportMetric(100*twice, "%twice")
			})
		}
	}
}
