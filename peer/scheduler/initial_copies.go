package scheduler

import "starmesh/common/content"

// handouts is what an origin remembers of the first copies it gave: where it
// looks on for a chunk nobody has yet, and which were given to somebody who
// does not pass them on.
type handouts struct {
	next  int // the chunk to look at next
	count int // first copies given so far
	given []handout
	again int // the chunk being handed out again, plus one
}

type handout struct {
	chunk int
	at    int // count when it was given
}

// unseen gives a chunk of source that is not in some, which takers hold or are
// getting.
func (h *handouts) unseen(source, some content.Set) (i int, ok bool) {
	if i, ok = source.NextNotIn(h.next, some); !ok {
		i, ok = source.NextNotIn(0, some)
	}
	if ok {
		h.next = i
	}
	return i, ok
}

// stuck gives a chunk whose first holder has not passed it on. Its age is
// counted in first copies, not in seconds, so that no rate must be known: an
// honest node has passed a chunk on to all takers by the time that each of
// them got another first copy. One given four times as long ago and still with less
// than a quarter of the takers is with a free rider, or lost.
func (h *handouts) stuck(held []int32, takers int) (int, bool) {
	h.again = 0
	for len(h.given) > 0 {
		oldest := h.given[0]
		if h.count-oldest.at < 4*takers {
			return 0, false
		}
		lacking := takers - int(held[oldest.chunk])
		if takers > 2 && lacking > 0 && int(held[oldest.chunk])*4 < takers {
			h.again = oldest.chunk + 1
			return oldest.chunk, true
		}
		h.given = h.given[1:]
	}
	return 0, false
}

// isAgain tells whether stuck has just given i.
func (h *handouts) isAgain(i int) bool { return h.again == i+1 }

// gave records a first copy.
func (h *handouts) gave(i int) {
	if h.isAgain(i) {
		h.given, h.again = h.given[1:], 0
	}
	h.count++
	h.given = append(h.given, handout{chunk: i, at: h.count})
}
