package system_test

import (
	"math"
	"testing"

	"starmesh/cmd/internal/lab/system"
)

var unlimited = math.Inf(1)

func TestBoundsOfWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		name       string
		size       float64
		links      system.Links
		star, mesh system.Bound
	}{
		// Kurose & Ross, figure 2.23: u_s = 10u, d_min ≥ u_s, F/u = 1 hour.
		// Server: N·F/(10u) = N/10 h. Peers: N·F/(10u + N·u) = N/(10+N) h, or
		// F/u_s = 1/10 h when that is more (N = 1: 1/11 < 1/10).
		{"Kurose & Ross, N = 1", 3600, system.Equal(1, 10, 1, 10), system.Bound{360, system.ByOrigin}, system.Bound{360, system.ByOrigin}},
		{"Kurose & Ross, N = 10", 3600, system.Equal(10, 10, 1, 10), system.Bound{3600, system.ByOrigin}, system.Bound{1800, system.ByUplinks}},
		{"Kurose & Ross, N = 30", 3600, system.Equal(30, 10, 1, 10), system.Bound{10800, system.ByOrigin}, system.Bound{2700, system.ByUplinks}},
		// Kurose & Ross, chapter 2, problem 22: F = 15 Gbit, u_s = 30 Mbit/s,
		// d = 2 Mbit/s, N = 10, 100, 1000; u = 300 kbit/s, 2 Mbit/s. In bits:
		// server: F/d = 7500 s for N = 10 (N·F/u_s = 5000 s); 50,000 s; 500,000 s.
		// peers, u = 300k, N = 10: 150e9/(30e6+3e6) = 4545 < F/d = 7500;
		// N = 100: 1500e9/(30e6+30e6) = 25,000; N = 1000: 15,000e9/(330e6) = 45,454.5…
		{"problem 22, N = 10", 15e9, system.Equal(10, 30e6, 3e5, 2e6), system.Bound{7500, system.ByDownlink}, system.Bound{7500, system.ByDownlink}},
		{"problem 22, N = 100", 15e9, system.Equal(100, 30e6, 3e5, 2e6), system.Bound{50e3, system.ByOrigin}, system.Bound{25e3, system.ByUplinks}},
		{"problem 22, N = 1000", 15e9, system.Equal(1000, 30e6, 3e5, 2e6), system.Bound{500e3, system.ByOrigin}, system.Bound{15e12 / 330e6, system.ByUplinks}},
		{"problem 22, 2 Mbit/s, N = 1000", 15e9, system.Equal(1000, 30e6, 2e6, 2e6), system.Bound{500e3, system.ByOrigin}, system.Bound{7500, system.ByDownlink}},
		// Unequal links: F = 100, u_s = 10, u = 5, 0, 15; d = 20, 4, 50.
		// server: 3·100/10 = 30 > 100/4 = 25. peers: 100/10 = 10, 25, 300/30 = 10.
		{"unequal", 100, system.Links{Origin: 10, Up: []float64{5, 0, 15}, Down: []float64{20, 4, 50}},
			system.Bound{30, system.ByOrigin}, system.Bound{25, system.ByDownlink}},
		// Nobody but the origin sends: the mesh is a star. 3·100/10.
		{"free riders only", 100, system.Equal(3, 10, 0, unlimited), system.Bound{30, system.ByOrigin}, system.Bound{30, system.ByUplinks}},
		{"no limits", 100, system.Equal(3, unlimited, unlimited, unlimited), system.Bound{0, system.ByNothing}, system.Bound{0, system.ByNothing}},
		{"only downlinks", 100, system.Equal(3, unlimited, unlimited, 50), system.Bound{2, system.ByDownlink}, system.Bound{2, system.ByDownlink}},
		{"an empty file", 0, system.Equal(3, 10, 10, 10), system.Bound{0, system.ByNothing}, system.Bound{0, system.ByNothing}},
		{"no receivers", 100, system.Equal(0, 10, 10, 10), system.Bound{0, system.ByNothing}, system.Bound{10, system.ByOrigin}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.links.Check(); err != nil {
				t.Fatal(err)
			}
			if got := system.Named(system.Star).Bound(c.size, c.links); !same(got, c.star) {
				t.Errorf("star: %+v, want %+v", got, c.star)
			}
			if got := system.Named(system.Mesh).Bound(c.size, c.links); !same(got, c.mesh) {
				t.Errorf("mesh: %+v, want %+v", got, c.mesh)
			}
		})
	}
}

func same(a, b system.Bound) bool {
	return a.By == b.By && math.Abs(a.Seconds-b.Seconds) <= 1e-9*b.Seconds
}

func TestChunkedBoundOfWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		size, up          float64
		receivers, chunks int
		want              float64
	}{
		{100, 10, 1, 7, 10},            // F/u: log2 1 = 0
		{100, 10, 2, 1, 20},            // one chunk, handed on: 10·(1+1)
		{100, 10, 3, 1, 20},            // two senders in the second round: ⌊1.58⌋ = 1
		{100, 10, 4, 1, 30},            // 10·(1+2)
		{100, 10, 7, 4, 15},            // 10·(1+2/4)
		{100, 10, 8, 4, 17.5},          // 10·(1+3/4)
		{100, 10, 32, 256, 10.1953125}, // 10·(1+5/256)
		{100, 10, 0, 4, 0},
		{100, 10, 8, 0, 0},
		{0, 10, 8, 1, 0},
		{100, unlimited, 8, 4, 0},
	} {
		if got := system.ChunkedBound(c.size, c.up, c.receivers, c.chunks); got != c.want {
			t.Errorf("Chunked(%v, %v, %d, %d) = %v, want %v", c.size, c.up, c.receivers, c.chunks, got, c.want)
		}
	}
}

// TestBoundsKeepTheirOrder: a mesh is never bounded later than a star, and one that works
// in chunks never earlier than a fluid one, whatever the links.
func TestBoundsKeepTheirOrder(t *testing.T) {
	for n := 1; n < 70; n++ {
		for _, up := range []float64{0, 0.1, 1, 3, 10} {
			l := system.Equal(n, 3, up, 7)
			star, mesh := system.Named(system.Star).Bound(100, l), system.Named(system.Mesh).Bound(100, l)
			if mesh.Seconds > star.Seconds*(1+1e-12) {
				t.Errorf("N = %d, up %v: mesh %v is later than star %v", n, up, mesh, star)
			}
		}
		l := system.Equal(n, 3, 3, unlimited)
		if fluid, chunked := system.Named(system.Mesh).Bound(100, l).Seconds, system.ChunkedBound(100, 3, n, 64); chunked < fluid {
			t.Errorf("N = %d: chunk by chunk %v, but a fluid needs %v", n, chunked, fluid)
		}
	}
}

func TestLinksThatCannotBeAreRefused(t *testing.T) {
	for name, l := range map[string]system.Links{
		"lengths":       {Origin: 1, Up: []float64{1}, Down: nil},
		"silent origin": system.Equal(1, 0, 1, 1),
		"NaN origin":    system.Equal(1, math.NaN(), 1, 1),
		"negative up":   system.Equal(1, 1, -1, 1),
		"deaf receiver": system.Equal(2, 1, 1, 0),
		"NaN down":      system.Equal(2, 1, 1, math.NaN()),
	} {
		if l.Check() == nil {
			t.Errorf("%s: %+v passes", name, l)
		}
	}
}
