package transfer

import (
	"slices"
	"time"

	"starmesh/common/content"
)

// Claim is one source's promise to bring a chunk.
type Claim struct {
	Chunk int
	Since time.Time
}

// claims is the one table of who has promised which chunk since when, and of
// what is held. It moves no bytes, starts nothing and locks nothing; its user
// does.
type claims struct {
	held    content.Set
	lacking int           // chunks not held
	open    map[int]claim // by chunk
}

type claim struct {
	by      *Claimant
	since   time.Time
	excused time.Duration // of its age; what a chunk takes is measured with it
}

// newClaims makes a table without claims; held is kept.
func newClaims(held content.Set) *claims {
	return &claims{held: held, lacking: held.Len() - held.Count(), open: map[int]claim{}}
}

// missing returns what is neither held nor claimed, as a new set.
func (c *claims) missing() content.Set {
	missing := content.FullSet(c.held.Len()).Minus(c.held)
	for i := range c.open {
		missing.Remove(i)
	}
	return missing
}

// isMissing reports whether i is a chunk of the file that is neither held nor
// claimed.
func (c *claims) isMissing(i int) bool {
	return i >= 0 && i < c.held.Len() && !c.held.Has(i) && c.open[i].by == nil
}

// claim enters by's claim on chunk i, if that is missing.
func (c *claims) claim(i int, by *Claimant, now time.Time) bool {
	if !c.isMissing(i) {
		return false
	}
	c.open[i] = claim{by: by, since: now}
	by.open++
	return true
}

// excuse makes all claims younger, but not so that they begin after now.
func (c *claims) excuse(d time.Duration, now time.Time) {
	for i, cl := range c.open {
		cl.excused = min(cl.excused+d, now.Sub(cl.since))
		c.open[i] = cl
	}
}

// release takes back by's claim on chunk i; false when it has none.
func (c *claims) release(i int, by *Claimant) bool {
	if c.open[i].by != by {
		return false
	}
	delete(c.open, i)
	by.open--
	return true
}

// of returns by's claims, in the order of the chunks.
func (c *claims) of(by *Claimant) []Claim {
	if by.open == 0 {
		return nil
	}
	all := make([]Claim, 0, by.open)
	for i, cl := range c.open {
		if cl.by == by {
			all = append(all, Claim{Chunk: i, Since: cl.since.Add(cl.excused)})
		}
	}
	slices.SortFunc(all, func(a, b Claim) int { return a.Chunk - b.Chunk })
	return all
}

// store notes that chunk i is held now, and ends whosever claim there was, which
// is returned. It returns false when the chunk was held before.
func (c *claims) store(i int) (was claim, stored bool) {
	if c.held.Has(i) {
		return claim{}, false
	}
	was = c.open[i]
	if was.by != nil {
		c.release(i, was.by)
	}
	c.held.Add(i)
	c.lacking--
	return was, true
}
