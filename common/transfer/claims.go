package transfer

import "starmesh/common/content"

// plan is the bookkeeping of one fetch: what is held, what is promised, and by
// whom. It moves no bytes, starts nothing and locks nothing; its caller does.
type plan struct {
	held    content.Set
	claimed content.Set
	owner   map[int]*taker // of each claimed chunk
}

func newPlan(held content.Set) *plan {
	return &plan{held: held, claimed: content.NewSet(held.Len()), owner: map[int]*taker{}}
}

// missing is what is neither held nor claimed.
func (p *plan) missing() content.Set {
	return content.FullSet(p.held.Len()).Minus(p.held).Minus(p.claimed)
}

func (p *plan) claim(i int, by *taker) bool {
	if i < 0 || i >= p.held.Len() || p.held.Has(i) || p.claimed.Has(i) {
		return false
	}
	p.claimed.Add(i)
	p.owner[i] = by
	return true
}

// release takes back by's claim on chunk i; false when it is not by's.
func (p *plan) release(i int, by *taker) bool {
	if p.owner[i] != by {
		return false
	}
	delete(p.owner, i)
	p.claimed.Remove(i)
	return true
}

// releaseAll takes back every claim of by and tells whether there was one.
func (p *plan) releaseAll(by *taker) bool {
	any := false
	for i, owner := range p.owner {
		if owner == by {
			any = p.release(i, by) || any
		}
	}
	return any
}

// store notes that chunk i is held, whoever had claimed it.
func (p *plan) store(i int) {
	p.held.Add(i)
	p.claimed.Remove(i)
	delete(p.owner, i)
}

// has tells whether chunk i is held; false for an i outside the file.
func (p *plan) has(i int) bool { return p.held.Has(i) }

func (p *plan) whole() bool { return p.held.Full() }
