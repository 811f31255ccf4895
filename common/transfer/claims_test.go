package transfer

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"starmesh/common/content"
)

func newTestClaims(chunks int, held ...int) *claims {
	s := content.NewSet(chunks)
	for _, i := range held {
		s.Add(i)
	}
	return newClaims(s)
}

func TestOnlyWhatIsNeitherHeldNorClaimedCanBeClaimed(t *testing.T) {
	c, a, b := newTestClaims(4, 2), new(Claimant), new(Claimant)
	if !c.claim(1, a, time.Now()) {
		t.Fatal("a free chunk was refused")
	}
	for what, wrong := range map[string]struct {
		i  int
		by *Claimant
	}{
		"held":                   {2, a},
		"claimed by another":     {1, b},
		"claimed by itself":      {1, a},
		"before the first chunk": {-1, a},
		"after the last chunk":   {4, a},
	} {
		if c.claim(wrong.i, wrong.by, time.Now()) {
			t.Errorf("%s: chunk %d was promised", what, wrong.i)
		}
	}
	if got := slices.Collect(c.missing().All()); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("missing is %v", got)
	}
}

func TestAReleaseFreesOnlyOnesOwnClaim(t *testing.T) {
	c, a, b := newTestClaims(2), new(Claimant), new(Claimant)
	c.claim(0, a, time.Now())
	if c.release(0, b) || c.release(1, a) {
		t.Error("a claim was taken back by someone who had none")
	}
	if !c.release(0, a) || c.release(0, a) {
		t.Error("a claim can be taken back once")
	}
	c.claim(0, b, time.Now())
	if c.release(0, a) || c.missing().Has(0) {
		t.Error("an old claim freed the new one")
	}
}

func TestClaimsAreListedByClaimantWithTheirTime(t *testing.T) {
	c, a, b := newTestClaims(4), new(Claimant), new(Claimant)
	now := time.Now()
	c.claim(2, a, now.Add(time.Second))
	c.claim(1, b, now)
	c.claim(0, a, now)
	if got, want := c.of(a), []Claim{{0, now}, {2, now.Add(time.Second)}}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if a.open != 2 || b.open != 1 || len(c.of(new(Claimant))) != 0 {
		t.Errorf("%d, %d", a.open, b.open)
	}
}

func TestAChunkThatIsStoredIsNobodysClaim(t *testing.T) {
	c, a, b := newTestClaims(3), new(Claimant), new(Claimant)
	began := time.Now()
	c.claim(0, a, began)
	if was, stored := c.store(0); !stored || was.by != a || !was.since.Equal(began) {
		t.Errorf("the claim of %v: %v", began, was)
	}
	if c.release(0, a) || c.claim(0, b, began) || c.missing().Has(0) || !c.held.Has(0) || c.lacking != 2 {
		t.Error("chunk 0 is held and nothing else")
	}
	if _, stored := c.store(0); stored {
		t.Error("chunk 0 was stored twice")
	}
	if was, stored := c.store(2); !stored || was.by != nil || c.lacking != 1 {
		t.Error("chunk 2 was nobody's")
	}
	if _, stored := c.store(1); !stored || c.lacking != 0 {
		t.Error("all chunks are held")
	}
}

// Time in which nothing could be heard makes claims younger, and none younger than
// now.
func TestClaimsAreExcused(t *testing.T) {
	c, a := newTestClaims(2), new(Claimant)
	now := time.Now()
	c.claim(0, a, now.Add(-10*time.Second))
	c.claim(1, a, now.Add(-time.Second))
	c.excuse(3*time.Second, now)
	if got, want := c.of(a), []Claim{{0, now.Add(-7 * time.Second)}, {1, now}}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

// TestEveryChunkIsInExactlyOneState goes through random histories: a chunk is
// held, claimed by one claimant, or missing, and never two of these; and what is
// counted is what is there.
func TestEveryChunkIsInExactlyOneState(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		n := 1 + r.IntN(70)
		c, all := newTestClaims(n), []*Claimant{{source: "a"}, {source: "b"}, {source: "c"}}
		for range 300 {
			i, by := r.IntN(n), all[r.IntN(3)]
			switch r.IntN(6) {
			case 0, 1, 2:
				c.claim(i, by, time.Now())
			case 3:
				c.release(i, by)
			case 4:
				c.store(i)
			}
		}
		missing := c.missing()
		for i := range n {
			states := 0
			for _, in := range []bool{c.held.Has(i), c.open[i].by != nil, missing.Has(i)} {
				if in {
					states++
				}
			}
			if states != 1 {
				t.Fatalf("chunk %d: held %v, claimed by %v, missing %v", i, c.held.Has(i), c.open[i].by, missing.Has(i))
			}
		}
		open := 0
		for _, by := range all {
			if by.open != len(c.of(by)) {
				t.Fatalf("%s has %d claims, counted %d", by.source, len(c.of(by)), by.open)
			}
			open += by.open
		}
		if open != len(c.open) || c.lacking != n-c.held.Count() {
			t.Fatalf("%d claims, counted %d; %d lacking, counted %d", len(c.open), open, n-c.held.Count(), c.lacking)
		}
	}
}
