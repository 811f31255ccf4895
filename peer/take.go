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
	// maxEarly is how many offers may wait for our side to begin fetching.
	maxEarly = 64
	// maxOvertaking is by how much a chunk may be ahead of its offer. It is
	// generous: what has gone before is only that two goroutines take turns.
	maxOvertaking = 20 * time.Second
)

// taking is the half of a swarm that takes: it answers offers, receives chunks,
// and tells all members what is on its way here. Its methods that handle
// messages lock the swarm.
type taking struct {
	*swarm
	taker   *scheduler.Taker
	claims  map[int]*pledge
	missing int                    // chunks that have not arrived
	sources chan<- transfer.Source // set while a fetch runs
	touched time.Time              // when a chunk last arrived
	flush   *time.Timer            // set while announcements wait
}

// pledge is a chunk that a member is about to send.
type pledge struct {
	by      *member
	release func()
}

// hasLocked returns the chunks that are here or on their way.
func (t *taking) hasLocked() content.Set {
	has := t.file.Have()
	for i := range t.claims {
		has.Add(i)
	}
	return has
}

// offered handles OFFER.
func (t *taking) offered(m *member, o offer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.wanted != nil || t.sources == nil {
		t.offeredLocked(m, o)
		return nil
	}
	if len(m.early) == maxEarly {
		return fault.Wrapf(fault.Protocol, "more than %d offers before one was answered", maxEarly)
	}
	m.early = append(m.early, o)
	return nil
}

func (t *taking) offeredLocked(m *member, o offer) {
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
	if m.wanted == nil || t.claims[o.Chunk] != nil {
		return answer{Verdict: declined}
	}
	now := time.Now()
	if !t.taker.Accepts(m.link.key, t.missing) {
		return answer{Verdict: notNow, Wait: t.taker.Postpone(m.link.key, t.missing)}
	}
	release, ok := m.wanted.Claim(o.Chunk)
	if !ok {
		return answer{Verdict: declined}
	}
	t.claims[o.Chunk] = &pledge{by: m, release: release}
	t.taker.Claimed(m.link.key, o.Chunk, now)
	t.give.giver.Coming(o.Chunk, o.First)
	return answer{Verdict: accepted}
}

// expected waits until chunk i has been offered, and returns what to deliver it
// to: nil when the fetch has ended or m has left. A chunk that is sure travels right behind
// its offer, on another stream, and may overtake it.
func (t *taking) expected(m *member, i int) (transfer.Wanted, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for m.expect[i] == 0 {
		switch err := t.awaitOfferLocked(m); {
		case errors.Is(err, fault.Closed):
			return nil, nil
		case err != nil:
			return nil, fault.Wrapf(fault.Refused, "chunk %d came without having been offered", i)
		}
	}
	if m.expect[i]--; m.expect[i] == 0 {
		delete(m.expect, i)
	}
	return m.wanted, nil
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
	w, err := t.expected(m, i)
	if err != nil {
		return err
	}
	if w == nil { // the fetch has ended meanwhile
		t.node.cfg.Meter.ChunkAgain(len(p))
		return nil
	}
	if err := w.Deliver(i, p); err != nil {
		if errors.Is(err, fault.Corrupt) || errors.Is(err, fault.Invalid) {
			return fmt.Errorf("it sent a wrong chunk: %w", err)
		}
		return nil // our own disk: the fetch says so
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.give.giver.Holds(i) {
		return nil
	}
	t.taker.Arrived(m.link.key, i, now)
	if claim := t.claims[i]; claim != nil {
		delete(t.claims, i)
		t.taker.Dropped(i)
	}
	t.give.giver.Got(i)
	t.missing--
	t.touched = now
	t.give.actLocked()
	return nil
}

// dropLocked gives up what was promised and does not come. What has come this
// moment, and will be noted as soon as the lock is free, is not told as lost: it
// would be sent once more.
func (t *taking) dropLocked(chunks []int) {
	if len(chunks) == 0 {
		return
	}
	have := t.file.Have()
	chunks = slices.DeleteFunc(chunks, have.Has)
	for _, i := range chunks {
		p := t.claims[i]
		if p == nil {
			continue
		}
		delete(t.claims, i)
		p.release()
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
