package content_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// model is a Set as a map: slow and plainly right.
type model struct {
	in map[int]bool
	n  int
}

func (m model) sorted() []int { return slices.Sorted(maps.Keys(m.in)) }

func sameSet(t *testing.T, s content.Set, m model) {
	t.Helper()
	if got, want := slices.Collect(s.All()), m.sorted(); !slices.Equal(got, want) {
		t.Fatalf("over %d: has %v, not %v", m.n, got, want)
	}
	if s.Count() != len(m.in) || s.Len() != m.n || s.Empty() != (len(m.in) == 0) || s.Full() != (len(m.in) == m.n) {
		t.Fatalf("over %d: count %d, len %d, empty %v, full %v; want %d in", m.n, s.Count(), s.Len(), s.Empty(), s.Full(), len(m.in))
	}
	for i := -1; i <= m.n+64; i++ {
		if s.Has(i) != m.in[i] {
			t.Fatalf("over %d: Has(%d) is %v", m.n, i, s.Has(i))
		}
	}
	parsed, err := content.ParseSet(m.n, s.Bytes())
	if err != nil || !slices.Equal(slices.Collect(parsed.All()), m.sorted()) {
		t.Fatalf("over %d: parsed as %v, %v", m.n, slices.Collect(parsed.All()), err)
	}
}

func TestSetBehavesAsAMapDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 1000} {
		a, b := content.NewSet(n), content.NewSet(n)
		ma, mb := model{map[int]bool{}, n}, model{map[int]bool{}, n}
		for range 200 {
			sameSet(t, a, ma)
			if n == 0 {
				break
			}
			i, j := r.IntN(n), r.IntN(n)
			if r.IntN(3) == 0 {
				a.Remove(i)
				delete(ma.in, i)
			} else {
				a.Add(i)
				ma.in[i] = true
			}
			b.Add(j)
			mb.in[j] = true
			union, minus := model{maps.Clone(ma.in), n}, model{maps.Clone(ma.in), n}
			maps.Copy(union.in, mb.in)
			maps.DeleteFunc(minus.in, func(k int, _ bool) bool { return mb.in[k] })
			sameSet(t, a.Union(b), union)
			sameSet(t, a.Minus(b), minus)
			kept := a.Clone()
			kept.Keep(b)
			sameSet(t, a.Minus(kept), minus)
			from := r.IntN(n+2) - 1
			next, ok := a.Minus(b).Next(from)
			if got, found := a.NextNotIn(from, b); got != next || found != ok {
				t.Fatalf("over %d: from %d the next is %d, %v; not %d, %v", n, from, got, found, next, ok)
			}
		}
		sameSet(t, content.FullSet(n).Minus(a).Union(a), model{asMap(content.FullSet(n)), n})
	}
}

func asMap(s content.Set) map[int]bool {
	m := map[int]bool{}
	for i := range s.All() {
		m[i] = true
	}
	return m
}

func TestNextFindsWhatFollows(t *testing.T) {
	s := content.NewSet(200)
	for _, i := range []int{0, 63, 64, 199} {
		s.Add(i)
	}
	for from, want := range map[int]int{-5: 0, 0: 0, 1: 63, 63: 63, 64: 64, 65: 199, 199: 199} {
		if got, ok := s.Next(from); !ok || got != want {
			t.Errorf("from %d: %d, %v", from, got, ok)
		}
	}
	if i, ok := s.Next(200); ok {
		t.Errorf("found %d past the end", i)
	}
}

func TestCloneIsOnesOwn(t *testing.T) {
	s := content.FullSet(70)
	c := s.Clone()
	c.Remove(69)
	if !s.Full() || c.Full() {
		t.Error("changing the clone changed the set")
	}
}

func TestParseSetRefusesBitsPastTheEndAndWrongLengths(t *testing.T) {
	for _, b := range [][]byte{{0xff, 0x04}, {0, 0x80}, {0}, {0, 0, 0}, nil} {
		if _, err := content.ParseSet(10, b); !errors.Is(err, fault.Invalid) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(10, []byte{0xff, 0x03})
	f.Add(0, []byte{})
	f.Add(64, bytes.Repeat([]byte{0xff}, 8))
	f.Fuzz(func(t *testing.T, n int, b []byte) {
		if n < 0 || n > 1<<20 {
			return
		}
		s, err := content.ParseSet(n, b)
		if err == nil && !bytes.Equal(s.Bytes(), b) {
			t.Errorf("over %d: %x became %x", n, b, s.Bytes())
		}
		for i := range s.All() {
			if i >= n {
				t.Errorf("over %d: has %d", n, i)
			}
		}
	})
}
