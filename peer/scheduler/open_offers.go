package scheduler

import (
	"slices"
	"time"
)

// openOffers are those open to one neighbour: few enough to be looked through, and
// looked at too often for a map.
type openOffers []openOffer

type openOffer struct {
	chunk int
	since time.Time
}

func (o openOffers) since(chunk int) (time.Time, bool) {
	at := o.find(chunk)
	if at < 0 {
		return time.Time{}, false
	}
	return o[at].since, true
}

// put opens an offer, or opens it anew.
func (o *openOffers) put(chunk int, now time.Time) {
	o.remove(chunk)
	*o = append(*o, openOffer{chunk, now})
}

func (o *openOffers) remove(chunk int) {
	if at := o.find(chunk); at >= 0 {
		*o = slices.Delete(*o, at, at+1)
	}
}

func (o openOffers) find(chunk int) int {
	return slices.IndexFunc(o, func(o openOffer) bool { return o.chunk == chunk })
}
