package transfer

import (
	"math/rand/v2"
	"slices"
	"testing"

	"starmesh/common/content"
)

func newTestPlan(chunks int, held ...int) *plan {
	s := content.NewSet(chunks)
	for _, i := range held {
		s.Add(i)
	}
	return newPlan(s)
}

func TestOnlyWhatIsNeitherHeldNorClaimedCanBeClaimed(t *testing.T) {
	p, a, b := newTestPlan(4, 2), new(taker), new(taker)
	if !p.claim(1, a) {
		t.Fatal("a free chunk was refused")
	}
	for what, c := range map[string]struct {
		i  int
		by *taker
	}{
		"held":                   {2, a},
		"claimed by another":     {1, b},
		"claimed by itself":      {1, a},
		"before the first chunk": {-1, a},
		"after the last chunk":   {4, a},
	} {
		if p.claim(c.i, c.by) {
			t.Errorf("%s: chunk %d was promised", what, c.i)
		}
	}
	if got := slices.Collect(p.missing().All()); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("missing is %v", got)
	}
}

func TestAReleaseFreesOnlyOnesOwnClaim(t *testing.T) {
	p, a, b := newTestPlan(2), new(taker), new(taker)
	p.claim(0, a)
	if p.release(0, b) || p.release(1, a) {
		t.Error("a claim was taken back by someone who had none")
	}
	if !p.release(0, a) || p.release(0, a) {
		t.Error("a claim can be taken back once")
	}
	p.claim(0, b)
	if p.release(0, a) || p.missing().Has(0) {
		t.Error("an old claim freed the new one")
	}
}

func TestReleaseAllTakesBackOnesOwn(t *testing.T) {
	p, a, b := newTestPlan(4), new(taker), new(taker)
	p.claim(0, a)
	p.claim(1, b)
	p.claim(2, a)
	if !p.releaseAll(a) || p.releaseAll(a) {
		t.Error("there was something to take back, once")
	}
	if got := slices.Collect(p.missing().All()); !slices.Equal(got, []int{0, 2, 3}) {
		t.Errorf("missing is %v", got)
	}
}

func TestAChunkThatIsStoredIsNobodysClaim(t *testing.T) {
	p, a, b := newTestPlan(2), new(taker), new(taker)
	p.claim(0, a)
	p.store(0) // by whomever
	if p.release(0, a) || p.claim(0, b) || p.missing().Has(0) || !p.has(0) || p.whole() {
		t.Error("chunk 0 is held and nothing else")
	}
	p.store(1)
	if !p.whole() {
		t.Error("both chunks are held")
	}
	if p.has(-1) || p.has(2) {
		t.Error("a chunk outside the file is held")
	}
}

// TestEveryChunkIsInExactlyOneState goes through random histories: a chunk is
// held, claimed by one taker, or missing, and never two of these.
func TestEveryChunkIsInExactlyOneState(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		n := 1 + r.IntN(70)
		p, takers := newTestPlan(n), []*taker{{source: "a"}, {source: "b"}, {source: "c"}}
		for range 300 {
			i, by := r.IntN(n), takers[r.IntN(3)]
			switch r.IntN(6) {
			case 0, 1, 2:
				p.claim(i, by)
			case 3:
				p.release(i, by)
			case 4:
				p.store(i)
			case 5:
				if r.IntN(10) == 0 {
					p.releaseAll(by)
				}
			}
		}
		missing := p.missing()
		for i := range n {
			states := 0
			for _, in := range []bool{p.held.Has(i), p.claimed.Has(i), missing.Has(i)} {
				if in {
					states++
				}
			}
			if states != 1 || p.claimed.Has(i) != (p.owner[i] != nil) {
				t.Fatalf("chunk %d: held %v, claimed %v by %v, missing %v", i, p.held.Has(i), p.claimed.Has(i), p.owner[i], missing.Has(i))
			}
		}
	}
}
