package scheduler

import "starmesh/common/content"

// availability is who holds which chunk: this node, and how many takers. What
// this node holds is its own copy of what the transfer knows, so that one
// choice sees one moment of it.
type availability struct {
	have   content.Set // what this node holds
	coming content.Set // what it is about to get: may be offered already
	source content.Set // what it had from the start: here these chunks come into the mesh
	takers int         // neighbours that are counted
	held   []int32     // by chunk: how many takers hold it or are getting it
	inSome content.Set // chunks for which that is not 0
	inAll  content.Set // chunks for which that is all of them
}

func newAvailability(have content.Set) availability {
	return availability{
		have:   have.Clone(),
		coming: content.NewSet(have.Len()),
		source: have.Clone(),
		held:   make([]int32, have.Len()),
		inSome: content.NewSet(have.Len()),
		inAll:  content.FullSet(have.Len()),
	}
}

// lacking is how many takers chunk i still has to reach.
func (a *availability) lacking(i int) int { return a.takers - int(a.held[i]) }

// join counts a taker that holds has.
func (a *availability) join(has content.Set) {
	a.takers++
	for i := range has.All() {
		a.held[i]++
	}
	a.inSome = a.inSome.Union(has)
	a.inAll.Keep(has)
}

// leave takes join back; others are the takers that stay. It goes through what the
// one had, not through the whole file: whoever joins and leaves all the time is to
// cost little.
func (a *availability) leave(has content.Set, others []*neighbour) {
	a.takers--
	for i := range has.All() {
		if a.held[i]--; a.held[i] == 0 {
			a.inSome.Remove(i)
		}
	}
	a.inAll = content.FullSet(len(a.held))
	for _, n := range others {
		a.inAll.Keep(n.has)
	}
}

// add counts one more taker (one less, if negative) that holds chunk i.
func (a *availability) add(i int, more int32) {
	a.held[i] += more
	a.place(i)
}

// place puts chunk i into the sets that it belongs to.
func (a *availability) place(i int) {
	if a.held[i] > 0 {
		a.inSome.Add(i)
	} else {
		a.inSome.Remove(i)
	}
	if a.lacking(i) == 0 {
		a.inAll.Add(i)
	} else {
		a.inAll.Remove(i)
	}
}
