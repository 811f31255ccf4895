package bounds_test

import (
	"math"
	"testing"

	"starmesh/cmd/internal/lab/bounds"
)

var unlimited = math.Inf(1)

func TestBoundsOfWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		name       string
		size       float64
		links      bounds.Links
		star, mesh bounds.Bound
	}{
		// Kurose & Ross, figure 2.23: u_s = 10u, d_min ≥ u_s, F/u = 1 hour.
		// Server: N·F/(10u) = N/10 h. Peers: N·F/(10u + N·u) = N/(10+N) h, or
		// F/u_s = 1/10 h when that is more (N = 1: 1/11 < 1/10).
		{"Kurose & Ross, N = 1", 3600, bounds.Equal(1, 10, 1, 10), bounds.Bound{360, bounds.ByOrigin}, bounds.Bound{360, bounds.ByOrigin}},
		{"Kurose & Ross, N = 10", 3600, bounds.Equal(10, 10, 1, 10), bounds.Bound{3600, bounds.ByOrigin}, bounds.Bound{1800, bounds.ByUplinks}},
		{"Kurose & Ross, N = 30", 3600, bounds.Equal(30, 10, 1, 10), bounds.Bound{10800, bounds.ByOrigin}, bounds.Bound{2700, bounds.ByUplinks}},
		// Kurose & Ross, chapter 2, problem 22: F = 15 Gbit, u_s = 30 Mbit/s,
		// d = 2 Mbit/s, N = 10, 100, 1000; u = 300 kbit/s, 2 Mbit/s. In bits:
		// server: F/d = 7500 s for N = 10 (N·F/u_s = 5000 s); 50,000 s; 500,000 s.
		// peers, u = 300k, N = 10: 150e9/(30e6+3e6) = 4545 < F/d = 7500;
		// N = 100: 1500e9/(30e6+30e6) = 25,000; N = 1000: 15,000e9/(330e6) = 45,454.5…
		{"problem 22, N = 10", 15e9, bounds.Equal(10, 30e6, 3e5, 2e6), bounds.Bound{7500, bounds.ByDownlink}, bounds.Bound{7500, bounds.ByDownlink}},
		{"problem 22, N = 100", 15e9, bounds.Equal(100, 30e6, 3e5, 2e6), bounds.Bound{50e3, bounds.ByOrigin}, bounds.Bound{25e3, bounds.ByUplinks}},
		{"problem 22, N = 1000", 15e9, bounds.Equal(1000, 30e6, 3e5, 2e6), bounds.Bound{500e3, bounds.ByOrigin}, bounds.Bound{15e12 / 330e6, bounds.ByUplinks}},
		{"problem 22, 2 Mbit/s, N = 1000", 15e9, bounds.Equal(1000, 30e6, 2e6, 2e6), bounds.Bound{500e3, bounds.ByOrigin}, bounds.Bound{7500, bounds.ByDownlink}},
		// Unequal links: F = 100, u_s = 10, u = 5, 0, 15; d = 20, 4, 50.
		// server: 3·100/10 = 30 > 100/4 = 25. peers: 100/10 = 10, 25, 300/30 = 10.
		{"unequal", 100, bounds.Links{Origin: 10, Up: []float64{5, 0, 15}, Down: []float64{20, 4, 50}},
			bounds.Bound{30, bounds.ByOrigin}, bounds.Bound{25, bounds.ByDownlink}},
		// Nobody but the origin sends: the mesh is a star. 3·100/10.
		{"free riders only", 100, bounds.Equal(3, 10, 0, unlimited), bounds.Bound{30, bounds.ByOrigin}, bounds.Bound{30, bounds.ByUplinks}},
		{"no limits", 100, bounds.Equal(3, unlimited, unlimited, unlimited), bounds.Bound{0, bounds.ByNothing}, bounds.Bound{0, bounds.ByNothing}},
		{"only downlinks", 100, bounds.Equal(3, unlimited, unlimited, 50), bounds.Bound{2, bounds.ByDownlink}, bounds.Bound{2, bounds.ByDownlink}},
		{"an empty file", 0, bounds.Equal(3, 10, 10, 10), bounds.Bound{0, bounds.ByNothing}, bounds.Bound{0, bounds.ByNothing}},
		{"no receivers", 100, bounds.Equal(0, 10, 10, 10), bounds.Bound{0, bounds.ByNothing}, bounds.Bound{10, bounds.ByOrigin}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.links.Check(); err != nil {
				t.Fatal(err)
			}
			if got := bounds.Star(c.size, c.links); !same(got, c.star) {
				t.Errorf("star: %+v, want %+v", got, c.star)
			}
			if got := bounds.Mesh(c.size, c.links); !same(got, c.mesh) {
				t.Errorf("mesh: %+v, want %+v", got, c.mesh)
			}
		})
	}
}

func same(a, b bounds.Bound) bool {
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
		if got := bounds.Chunked(c.size, c.up, c.receivers, c.chunks); got != c.want {
			t.Errorf("Chunked(%v, %v, %d, %d) = %v, want %v", c.size, c.up, c.receivers, c.chunks, got, c.want)
		}
	}
}

// TestBoundsKeepTheirOrder: a mesh is never bounded later than a star, and one that works
// in chunks never earlier than a fluid one, whatever the links.
func TestBoundsKeepTheirOrder(t *testing.T) {
	for n := 1; n < 70; n++ {
		for _, up := range []float64{0, 0.1, 1, 3, 10} {
			l := bounds.Equal(n, 3, up, 7)
			star, mesh := bounds.Star(100, l), bounds.Mesh(100, l)
			if mesh.Seconds > star.Seconds*(1+1e-12) {
				t.Errorf("N = %d, up %v: mesh %v is later than star %v", n, up, mesh, star)
			}
		}
		l := bounds.Equal(n, 3, 3, unlimited)
		if fluid, chunked := bounds.Mesh(100, l).Seconds, bounds.Chunked(100, 3, n, 64); chunked < fluid {
			t.Errorf("N = %d: chunk by chunk %v, but a fluid needs %v", n, chunked, fluid)
		}
	}
}

func TestLinksThatCannotBeAreRefused(t *testing.T) {
	for name, l := range map[string]bounds.Links{
		"lengths":       {Origin: 1, Up: []float64{1}, Down: nil},
		"silent origin": bounds.Equal(1, 0, 1, 1),
		"NaN origin":    bounds.Equal(1, math.NaN(), 1, 1),
		"negative up":   bounds.Equal(1, 1, -1, 1),
		"deaf receiver": bounds.Equal(2, 1, 1, 0),
		"NaN down":      bounds.Equal(2, 1, 1, math.NaN()),
	} {
		if l.Check() == nil {
			t.Errorf("%s: %+v passes", name, l)
		}
	}
}
