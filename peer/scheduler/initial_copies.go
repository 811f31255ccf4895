package scheduler

// An honest node has passed a first copy on to all takers by the time that each
// of them got another one. A chunk given stalledRounds times as long ago and
// still with less than 1/stalledShare of the takers is with a free rider, or
// lost.
const (
	stalledRounds = 4
	stalledShare  = 4
)

// initialCopies is what an origin remembers of the first copies it gave (initial
// seeding): where it looks on for a chunk nobody has yet, and which were given
// to somebody who may not pass them on. Age is counted in first copies, not in
// seconds, so that no rate must be known.
type initialCopies struct {
	next  int // the chunk to look at next
	count int // first copies given so far
	given []initialCopy
}

type initialCopy struct {
	chunk int
	at    int // count when it was given
}

// choose returns the chunk to give a first copy of: the oldest that its first
// holder has not passed on, and else one of this node's own that no taker holds
// or is getting. forgetPassedOn is to come before.
func (c *initialCopies) choose(a *availability) (i int, ok bool) {
	if c.isStalled(a) {
		return c.given[0].chunk, true
	}
	if i, ok = a.source.NextNotIn(c.next, a.inSome); ok {
		return i, true
	}
	return a.source.NextNotIn(0, a.inSome)
}

// gave records, and returns, a first copy of the chunk that choose returned.
func (c *initialCopies) gave(i int, a *availability) initialCopy {
	if c.isStalled(a) {
		c.given = c.given[1:]
	} else {
		c.next = i
	}
	c.count++
	given := initialCopy{chunk: i, at: c.count}
	c.given = append(c.given, given)
	return given
}

// rounds is how many times as many as there are takers were given since.
func (c *initialCopies) rounds(since initialCopy, a *availability) int {
	return (c.count - since.at) / max(a.takers, 1)
}

// isStalled reports whether the oldest copy is old and has not been passed on.
func (c *initialCopies) isStalled(a *availability) bool {
	return c.isOld(a) && !isPassedOn(c.given[0].chunk, a)
}

// isOld reports whether there is an oldest copy that all should have by now.
func (c *initialCopies) isOld(a *availability) bool {
	return len(c.given) > 0 && c.count-c.given[0].at >= stalledRounds*a.takers
}

func isPassedOn(i int, a *availability) bool {
	return a.takers <= 2 || a.lacking(i) <= 0 || int(a.held[i])*stalledShare >= a.takers
}

// forgetPassedOn forgets the oldest copies, as long as they are passed on, and
// returns of which chunks.
func (c *initialCopies) forgetPassedOn(a *availability) (chunks []int) {
	for c.isOld(a) && isPassedOn(c.given[0].chunk, a) {
		chunks = append(chunks, c.given[0].chunk)
		c.given = c.given[1:]
	}
	return chunks
}
