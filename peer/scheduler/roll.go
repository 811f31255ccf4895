package scheduler

import (
	"slices"
	"time"
)

const (
	// drawersAtOnce is how many nodes of a swarm ask the servers for first copies:
	// several, so that one slow uplink does not hold all up, and few, so that they
	// know each other, however many nodes there are.
	drawersAtOnce = 4
	// MaxDrawers is how many are known to everybody: those that ask, and as many
	// who take their places when they go.
	MaxDrawers = 2 * drawersAtOnce
	// beatTime is how often a drawer says that it still is one, and drawerTimeout
	// after how long of silence nobody counts on it.
	beatTime      = time.Second
	drawerTimeout = 3500 * time.Millisecond
	// tombTime is how long the last beat of one who is silent is remembered, so
	// that nobody takes an old one for a sign of life.
	tombTime = 30 * time.Second
	maxTombs = 8 * MaxDrawers
)

// Beat is the sign of life of a node that draws on servers: it counts up.
type Beat struct {
	ID    ID
	Count uint64
}

// roll is who can draw on a server, as far as is known here.
type roll struct {
	self  ID
	able  bool // this node has a server that answers
	own   Beat
	beat  time.Time // when own was counted up last
	known map[ID]sign
}

// sign is the last that was heard of a drawer.
type sign struct {
	count uint64
	heard time.Time
}

// SetAble notes whether this node has a server that answers.
func (r *roll) SetAble(able bool) { r.able = able }

// Heard takes what a neighbour tells and reports whether it was news.
func (r *roll) Heard(beats []Beat, now time.Time) (news bool) {
	for _, b := range beats {
		if old, ok := r.known[b.ID]; b.ID == r.self || ok && old.count >= b.Count {
			continue
		}
		r.known[b.ID] = sign{b.Count, now}
		news = true
	}
	if len(r.known) > maxTombs {
		r.forget(now)
	}
	return news
}

// Left notes that a neighbour has gone: it counts for nobody until there is news of
// it.
func (r *roll) Left(id ID) {
	if s, ok := r.known[id]; ok {
		r.known[id] = sign{count: s.count}
	}
}

// forget keeps the lowest ids that live, and what is remembered of others for a
// while.
func (r *roll) forget(now time.Time) {
	lowest := r.lowest(now, MaxDrawers)
	for id, s := range r.known {
		if !slices.Contains(lowest, id) && (now.Sub(s.heard) > tombTime || len(r.known) > maxTombs) {
			delete(r.known, id)
		}
	}
}

// Tick counts this node's own sign of life up when it is time, and reports
// whether it did.
func (r *roll) Tick(now time.Time) bool {
	if !r.able || now.Sub(r.beat) < beatTime || !slices.Contains(r.lowest(now, MaxDrawers), r.self) {
		return false
	}
	r.beat = now
	r.own = Beat{r.self, r.own.Count + 1}
	return true
}

// Tell returns what neighbours are to be told: the lowest ids that live.
func (r *roll) Tell(now time.Time) (beats []Beat) {
	for _, id := range r.lowest(now, MaxDrawers) {
		if b := (Beat{id, r.known[id].count}); id != r.self {
			beats = append(beats, b)
		} else if r.own.Count > 0 {
			beats = append(beats, r.own)
		}
	}
	return beats
}

// lowest returns the n lowest ids that live, this node's among them if it is able.
func (r *roll) lowest(now time.Time, n int) (ids []ID) {
	if r.able {
		ids = append(ids, r.self)
	}
	for id, s := range r.known {
		if now.Sub(s.heard) < drawerTimeout {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(n, len(ids))]
}
