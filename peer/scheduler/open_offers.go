package scheduler

import (
	"slices"
	"time"
)

// openOffers are those open to one neighbour: few enough to be looked through, and
// looked at too often for a map.
type openOffers []openOffer

type openOffer struct {
	chunk    int
	since    time.Time
	accepted bool // by a word, or because it is sure: the uplink has it
}

// of returns the open offer of a chunk; nil when there is none.
func (o openOffers) of(chunk int) *openOffer {
	if at := o.find(chunk); at >= 0 {
		return &o[at]
	}
	return nil
}

// put opens an offer, or opens it anew.
func (o *openOffers) put(offer openOffer) {
	o.remove(offer.chunk)
	*o = append(*o, offer)
}

func (o *openOffers) remove(chunk int) {
	if at := o.find(chunk); at >= 0 {
		*o = slices.Delete(*o, at, at+1)
	}
}

func (o openOffers) find(chunk int) int {
	return slices.IndexFunc(o, func(o openOffer) bool { return o.chunk == chunk })
}
