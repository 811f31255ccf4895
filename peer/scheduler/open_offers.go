package scheduler

import (
	"slices"
	"time"
)

// offers are those open to one neighbour: few enough to be looked through, and
// looked at too often for a map.
type offers []openOffer

type openOffer struct {
	chunk int
	since time.Time
}

func (o offers) since(chunk int) (time.Time, bool) {
	at := o.find(chunk)
	if at < 0 {
		return time.Time{}, false
	}
	return o[at].since, true
}

// put opens an offer, or opens it anew.
func (o *offers) put(chunk int, now time.Time) {
	o.remove(chunk)
	*o = append(*o, openOffer{chunk, now})
}

func (o *offers) remove(chunk int) {
	if at := o.find(chunk); at >= 0 {
		*o = slices.Delete(*o, at, at+1)
	}
}

func (o offers) find(chunk int) int {
	return slices.IndexFunc(o, func(o openOffer) bool { return o.chunk == chunk })
}
