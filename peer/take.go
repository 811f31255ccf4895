package peer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/transfer"
	"starmesh/peer/scheduler"
)

const (
	// Announcements are collected while the uplink sends so many chunks, within
	// bounds: each costs every neighbour a packet, and in the simulation twice
	// as many chunks made little difference.
	batchChunks = 16
	minBatch    = 20 * time.Millisecond
	maxBatch    = time.Second
	// maxOfferRate is how many offers of a remote are heard in a second, beyond
	// one of each chunk, and the few that may be open.
	maxOfferRate = 500
	// maxOvertaking is by how much a chunk may be ahead of its offer. It is
	// generous: what has gone before is only that two goroutines take turns.
	maxOvertaking = 20 * time.Second
)

// taking is the half of a swarm that takes: it answers offers, receives chunks,
// and tells all members what is on its way here. Who has promised what, and what
// has arrived, is kept in its intake. Its methods that handle messages lock the
// swarm.
type taking struct {
	*swarm
	intake   *transfer.Intake
	taker    *scheduler.Taker
	fetching bool        // until the end of Fetch
	flush    *time.Timer // set while announcements wait
}

// has returns the chunks that are here or on their way.
func (t *taking) has() content.Set { return content.FullSet(t.list.Len()).Minus(t.intake.Missing()) }

// offered handles OFFER.
func (t *taking) offered(m *member, o offer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.members[m.link.key] != m {
		return // it has left meanwhile
	}
	if m.quota.take(time.Now(), maxOfferRate, t.list.Len()+maxOfferRate) {
		t.offeredLocked(m, o)
	}
}

// quota bounds how often a remote may say something: so often in a second, and a
// number at once (a token bucket).
type quota struct {
	used  float64
	since time.Time
}

// take returns whether one more is within bounds.
func (q *quota) take(now time.Time, perSecond float64, atOnce int) bool {
	q.used = max(0, q.used-perSecond*now.Sub(q.since).Seconds())
	q.since = now
	if q.used >= float64(atOnce) {
		return false
	}
	q.used++
	return true
}

func (t *taking) offeredLocked(m *member, o offer) {
	if !o.First {
		t.give.giver.Offered(m.link.key, o.Chunk)
	}
	a := t.considerLocked(m, o)
	a.Topic, a.Chunk = t.topic, o.Chunk
	if a.Verdict == accepted || o.Sure { // it may be on its way before a no arrives
		m.expect[o.Chunk]++
		close(m.offers)
		m.offers = make(chan struct{})
	}
	if a.Verdict != accepted || !o.Sure {
		t.tellLocked(m)
		m.link.post(a)
	}
	if a.Verdict == accepted {
		t.announceLocked(o.Chunk)
		t.give.actLocked() // it may be offered to others from now on
	}
}

// considerLocked decides about an offer.
func (t *taking) considerLocked(m *member, o offer) answer {
	now := time.Now()
	if o.Sure && !t.intake.Wants(o.Chunk) && t.taker.Accepts(m.link.key, o.Chunk, t.promisesLocked(m), now) {
		t.excuseLocked(m, o.Chunk)
	}
	if !t.intake.Wants(o.Chunk) {
		if !t.give.giver.Holds(o.Chunk) {
			t.taker.Disputed(o.Chunk)
		}
		return answer{Verdict: declined}
	}
	p := t.promisesLocked(m)
	if !t.taker.Accepts(m.link.key, o.Chunk, p, now) {
		return answer{Verdict: notNow, Wait: max(t.taker.Postpone(m.link.key, o.Chunk, p, now), scheduler.MinWait)}
	}
	if _, ok := m.claims.Claim(o.Chunk); !ok {
		return answer{Verdict: declined}
	}
	t.give.giver.Coming(o.Chunk, o.First, t.node.givers.Trusts(m.link.key))
	return answer{Verdict: accepted}
}

// excuseLocked spares who has promised a chunk the sending of it, now that m sends it
// without asking. That one waits for m's word, too, which it had sooner: what m says to
// this node may wait behind a chunk.
func (t *taking) excuseLocked(m *member, i int) {
	for _, other := range t.members {
		if other != m && other.claims.Release(i) {
			other.link.post(answer{Topic: t.topic, Chunk: i, Verdict: declined})
		}
	}
}

// promisesLocked returns what is promised when m makes one offer more.
func (t *taking) promisesLocked(m *member) (p scheduler.Promises) {
	p.Lacking, p.ByAll, p.ByGiver = m.claims.Count()
	for key, other := range t.members {
		if t.node.givers.IsLate(key) {
			_, _, own := other.claims.Count()
			p.ByLate += own
		}
	}
	return p
}

// expected waits until chunk i has been offered. A chunk that is sure travels right
// behind its offer, on another stream, and may overtake it; when m has left no
// offer comes any more, but what is here is whole all the same.
func (t *taking) expected(m *member, i int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for m.expect[i] == 0 {
		switch err := t.awaitOfferLocked(m); {
		case errors.Is(err, fault.Closed):
			return nil
		case err != nil:
			return fault.Wrapf(fault.Refused, "chunk %d came without having been offered", i)
		}
	}
	if m.expect[i]--; m.expect[i] == 0 {
		delete(m.expect, i)
	}
	return nil
}

// awaitOfferLocked waits for m's next offer, without the lock.
func (t *taking) awaitOfferLocked(m *member) error {
	offers := m.offers
	t.mu.Unlock()
	defer t.mu.Lock()
	timeout := time.NewTimer(maxOvertaking)
	defer timeout.Stop()
	select {
	case <-offers:
		return nil
	case <-m.left:
		return fault.Closed
	case <-timeout.C:
		return fault.Protocol
	}
}

// received handles CHUNK.
func (t *taking) received(m *member, i int, p []byte) error {
	if err := t.expected(m, i); err != nil {
		return err
	}
	c, err := m.claims.Receive(i, p)
	switch {
	case c.Outcome == transfer.Corrupt:
		return fmt.Errorf("it sent a wrong chunk: %w", err)
	case err != nil, c.Outcome != transfer.Stored:
		return nil // of our own disk's failure the fetch tells
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	took := time.Duration(0)
	if c.Claimed.IsZero() {
		t.announceLocked(i) // it came although it was not promised, or no longer
		t.declineLocked(c)
	} else {
		took = now.Sub(c.Claimed)
	}
	m.active = now
	t.taker.Arrived(m.link.key, i, took, now)
	if t.file.Have().Has(i) {
		t.give.giver.Got(i)
	} else {
		t.give.giver.NotComing(i) // it is of use here only
	}
	t.draw.arrivedLocked(now)
	t.give.actLocked()
	return nil
}

// declineLocked spares who had promised a chunk that another brought the sending
// of it, if that has not begun.
func (t *taking) declineLocked(c transfer.Chunk) {
	if c.Broken == nil {
		return
	}
	for _, m := range t.members {
		if m.claims == c.Broken {
			m.link.post(answer{Topic: t.topic, Chunk: c.Index, Verdict: declined})
		}
	}
}

// giveUpLocked takes back the promises that are overdue.
func (t *taking) giveUpLocked(now time.Time) {
	var lost []int
	lacking := t.intake.Lacking()
	for _, m := range t.members {
		for _, c := range m.claims.Own() {
			age := now.Sub(c.Since)
			if t.taker.IsOverdue(c.Chunk, age, lacking, now) && m.claims.Release(c.Chunk) {
				t.taker.GaveUp(m.link.key, c.Chunk, age, now)
				lost = append(lost, c.Chunk)
			}
		}
	}
	t.lostLocked(lost)
}

// lostLocked notes, and tells all, that chunks do not come although they were
// promised.
func (t *taking) lostLocked(chunks []int) {
	if len(chunks) == 0 {
		return
	}
	for _, i := range chunks {
		t.give.giver.NotComing(i)
	}
	for _, m := range t.members {
		t.tellLocked(m)
		for part := range slices.Chunk(chunks, maxEach) {
			m.link.post(news{what: typeLost, Topic: t.topic, Chunks: part})
		}
	}
}

// announceLocked lets all members know that chunk i is on its way here, in a
// while or with the next word to them.
func (t *taking) announceLocked(i int) {
	for _, m := range t.members {
		m.pending = append(m.pending, i)
	}
	if t.flush == nil && len(t.members) > 0 {
		wait := min(max(minBatch, batchChunks*t.give.giver.ChunkTime(time.Now())), maxBatch)
		t.flush = time.AfterFunc(wait, t.tellAll)
	}
}

func (t *taking) tellAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush = nil
	for _, m := range t.members {
		t.tellLocked(m)
	}
}

// tellLocked posts what m has not been told of.
func (t *taking) tellLocked(m *member) {
	for part := range slices.Chunk(m.pending, maxEach) {
		m.link.post(news{what: typeComing, Topic: t.topic, Each: t.give.giver.ChunkTime(time.Now()), Chunks: part})
	}
	m.pending = m.pending[:0]
}
