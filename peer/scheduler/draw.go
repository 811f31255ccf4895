package scheduler

import (
	"cmp"
	"math"
	"slices"
	"time"

	"starmesh/common/content"
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
	// settleTime is how long a node that has met others waits to hear who draws
	// before it takes its place among them, and meetTime how long it waits for
	// others when it knows of some.
	settleTime = 200 * time.Millisecond
	meetTime   = time.Second
	// aloneTime is after how long a node that has met nobody takes the server for
	// its own.
	aloneTime = 3 * time.Second
	// drawBlock is how many adjacent chunks have the same drawer: one request
	// brings them all.
	drawBlock = 4
	// A drawer has so much asked for as comes in drawAhead: 2 chunks at the least,
	// maxShare at the most beside others, maxDrawChunks alone. It asks for no more while firstBacklog
	// chunks that it brought wait for their first copy; twice as many whenever
	// nothing arrives for stealTime.
	drawAhead     = 200 * time.Millisecond
	maxDrawChunks = 512
	maxShare      = 16
	firstBacklog  = 2 * drawBlock
	// stallTime is how long nothing arrives before a node asks for itself what is
	// nowhere in its reach, or patienceFactor times the usual up to maxStallTime;
	// stealTime is how long a drawer waits for what others
	// are to bring when it has brought its own share.
	stallTime    = time.Second
	maxStallTime = 5 * time.Second
	stealTime    = 300 * time.Millisecond
	// The servers help the mesh with chunks that it has when what is lacking would
	// take it longer than minHelpTime, and than all the time so far: a mesh whose
	// machines are merely busy is not to become a star.
	minHelpTime = 5 * time.Second
	// minDrawPatience is for how long a server that was asked may bring nothing at
	// all in any case, or patienceFactor times what a chunk usually takes.
	minDrawPatience = 5 * time.Second
)

// Beat is the sign of life of a node that draws on servers: it counts up.
type Beat struct {
	ID    ID
	Count uint64
}

// Drawers decides for one file which nodes of a swarm draw on its servers, and
// what this one asks for. The nodes tell each other of the MaxDrawers lowest ids
// that can draw; the drawersAtOnce lowest of those do, and each chunk falls to
// the one for which a hash of both is lowest (rendezvous hashing; Thaler and
// Ravishankar, 1998). So all agree without asking anybody, and who goes is
// followed by the next. It is for one goroutine at a time.
type Drawers struct {
	self  ID
	len   int   // chunks of the file
	order []int // in which it asks, by blocks; nil until it does
	began time.Time
	known map[ID]sign
	own   Beat
	beat  time.Time // when own was counted up last
	able  bool      // this node has a server that answers

	backlog  int           // chunks that may wait for their first copy
	grown    time.Time     // when that was doubled last
	met      time.Time     // when there was first another node
	expects  bool          // others are known of, and to be met
	worked   time.Time     // when there was last something of its own to ask for
	arrived  time.Time     // the last chunk from anywhere
	got      int           // chunks from the mesh
	passed   time.Time     // the last of those
	interval time.Duration // between two of those
	served   time.Time     // the last chunk from a server
	first    time.Time     // the first of those
	brought  int           // their number
	took     time.Duration // from asking to arrival
}

// sign is the last that was heard of a drawer.
type sign struct {
	count uint64
	heard time.Time
}

// NewDrawers makes it for node self and a file of so many chunks.
func NewDrawers(self ID, chunks int) *Drawers {
	return &Drawers{self: self, len: chunks, backlog: firstBacklog, known: map[ID]sign{}}
}

// Begin notes that this node has a server from now on. expects tells that it knows
// of other nodes that may fetch the same.
func (d *Drawers) Begin(expects bool, now time.Time) {
	d.able, d.expects, d.began, d.worked, d.grown = true, expects, now, now, now
}

// SetAble notes whether this node has a server that answers.
func (d *Drawers) SetAble(able bool) { d.able = able }

// Heard takes what a neighbour tells and reports whether it was news.
func (d *Drawers) Heard(beats []Beat, now time.Time) (news bool) {
	for _, b := range beats {
		if old, ok := d.known[b.ID]; b.ID == d.self || ok && old.count >= b.Count {
			continue
		}
		d.known[b.ID] = sign{b.Count, now}
		news = true
	}
	if len(d.known) > maxTombs {
		d.forget(now)
	}
	return news
}

// Left notes that a neighbour has gone: it counts for nobody until there is news of
// it.
func (d *Drawers) Left(id ID) {
	if s, ok := d.known[id]; ok {
		d.known[id] = sign{count: s.count}
	}
}

// forget keeps the lowest ids that live, and what is remembered of others for a
// while.
func (d *Drawers) forget(now time.Time) {
	lowest := d.lowest(now, MaxDrawers)
	for id, s := range d.known {
		if !slices.Contains(lowest, id) && (now.Sub(s.heard) > tombTime || len(d.known) > maxTombs) {
			delete(d.known, id)
		}
	}
}

// Tick counts this node's own sign of life up when it is time, and reports
// whether it did.
func (d *Drawers) Tick(now time.Time) bool {
	if !d.able || now.Sub(d.beat) < beatTime || !slices.Contains(d.lowest(now, MaxDrawers), d.self) {
		return false
	}
	d.beat = now
	d.own = Beat{d.self, d.own.Count + 1}
	return true
}

// Tell returns what neighbours are to be told: the lowest ids that live.
func (d *Drawers) Tell(now time.Time) (beats []Beat) {
	for _, id := range d.lowest(now, MaxDrawers) {
		if b := (Beat{id, d.known[id].count}); id != d.self {
			beats = append(beats, b)
		} else if d.own.Count > 0 {
			beats = append(beats, d.own)
		}
	}
	return beats
}

// lowest returns the n lowest ids that live, this node's among them if it is able.
func (d *Drawers) lowest(now time.Time, n int) (ids []ID) {
	if d.able {
		ids = append(ids, d.self)
	}
	for id, s := range d.known {
		if now.Sub(s.heard) < drawerTimeout {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(n, len(ids))]
}

// Arrived records that a chunk came, from a server or from the mesh; took is the
// time since a server was asked for it, 0 if it was not.
func (d *Drawers) Arrived(fromServer bool, took time.Duration, now time.Time) {
	d.arrived = now
	if !fromServer {
		if !d.passed.IsZero() {
			d.interval = smooth(d.interval, now.Sub(d.passed))
		}
		d.passed, d.got = now, d.got+1
		return
	}
	if d.brought++; d.brought == 1 {
		d.first = now
	}
	d.served = now
	if took > 0 {
		d.took = smooth(d.took, took)
	}
}

// IsOverdue reports whether what a server was asked for then is not to be waited
// for: another node, or the mesh, may bring it sooner. While a server brings
// anything, it comes to the rest, and would send twice what is asked for again.
func (d *Drawers) IsOverdue(since, now time.Time) bool {
	return now.Sub(latest(since, d.served)) > max(minDrawPatience, patienceFactor*d.took)
}

// Demand is what a node lacks and sees when it may ask a server.
type Demand struct {
	Missing content.Set      // neither held nor promised; not changed
	Nearby  func(i int) bool // a neighbour holds chunk i, or is about to get it
	Nodes   int              // neighbours
	Open    int              // chunks that servers were asked for
	Backlog int              // chunks that this node brought from servers and gave nobody yet
	Lacking int              // chunks not held
}

// Next returns the chunks to ask a server for now, if any.
func (d *Drawers) Next(want Demand, now time.Time) content.Set {
	if want.Nodes > 0 && d.met.IsZero() {
		d.met = now
	}
	switch {
	case want.Nodes == 0:
		return d.alone(want, now)
	case !d.isSettled(now) && d.expects:
		return content.NewSet(d.len)
	case !d.isSettled(now):
		return d.pick(want, 1-want.Open, func(i int) bool { return !want.Nearby(i) })
	}
	room := min(d.ahead(), maxShare) - want.Open
	if set := d.share(want, room, now); !set.Empty() {
		return set
	}
	return d.help(want, now)
}

// alone picks what a node without others in reach asks for: little at first, for
// others may be about to come; then what is next in the file.
func (d *Drawers) alone(want Demand, now time.Time) content.Set {
	since := now.Sub(d.began)
	if since < meetTime && d.expects && d.met.IsZero() {
		return content.NewSet(d.len)
	}
	room := d.ahead() - want.Open
	if since < aloneTime {
		return d.pick(want, min(d.ahead(), maxShare)-want.Open, func(int) bool { return true })
	}
	next := content.NewSet(d.len)
	for i, ok := want.Missing.Next(0); ok && room > 0; i, ok = want.Missing.Next(i + 1) {
		next.Add(i)
		room--
	}
	return next
}

// isSettled reports whether this node knows who draws, as far as can be: it has
// heard from somebody, or nobody of those it met draws.
func (d *Drawers) isSettled(now time.Time) bool {
	return now.Sub(d.met) > meetTime || now.Sub(d.met) > settleTime && len(d.known) > 0
}

// share picks from what falls to this node: its own, when that has been brought
// what falls to others, and when nothing arrives any more whatever is nowhere.
func (d *Drawers) share(want Demand, room int, now time.Time) content.Set {
	nowhere := func(i int) bool { return !want.Nearby(i) }
	active := d.lowest(now, drawersAtOnce)
	stalled := d.isStalled(now)
	if !slices.Contains(active, d.self) {
		if stalled {
			return d.pick(want, 1-want.Open, nowhere)
		}
		return content.NewSet(d.len)
	}
	if now.Sub(latest(d.arrived, d.grown)) > stealTime {
		d.backlog, d.grown = 2*d.backlog, now // not its uplink alone is slow
	}
	if len(active) > 1 && want.Backlog >= d.backlog {
		return content.NewSet(d.len)
	}
	own := d.pick(want, room, func(i int) bool { return nowhere(i) && d.fallsTo(i, active) == d.self })
	if !own.Empty() || want.Open > 0 {
		d.worked = now
		return own
	}
	if now.Sub(d.worked) < max(stealTime, patienceFactor*d.interval) {
		return own
	}
	return d.pick(want, 1-want.Open, nowhere)
}

// help picks what the mesh has, when that is too slow to bring it.
func (d *Drawers) help(want Demand, now time.Time) content.Set {
	all := func(int) bool { return true }
	met := now.Sub(d.met)
	rest := time.Duration(want.Lacking) * met / time.Duration(max(d.got, 1))
	switch {
	case d.someNowhere(want):
		return content.NewSet(d.len)
	case met > minHelpTime && rest > max(minHelpTime, now.Sub(d.began)):
		return d.pick(want, drawBlock-want.Open, all)
	case d.isStalled(now):
		return d.pick(want, 1-want.Open, all)
	default:
		return content.NewSet(d.len)
	}
}

func (d *Drawers) someNowhere(want Demand) bool {
	for i := range want.Missing.All() {
		if !want.Nearby(i) {
			return true
		}
	}
	return false
}

// isStalled reports whether nothing has arrived for long. Nodes that find that
// out all at once act one after the other.
func (d *Drawers) isStalled(now time.Time) bool {
	turn := time.Duration(mix(uint64(d.self), uint64(latest(d.arrived, d.began).Unix())) % uint64(2*stallTime))
	return now.Sub(latest(d.arrived, d.began)) > min(max(stallTime, patienceFactor*d.interval), maxStallTime)+turn
}

// ahead is how many chunks servers may be asked for at a time: one before
// anything has come, for others may ask at the same time, and then one more for
// each that came, up to what comes in drawAhead.
func (d *Drawers) ahead() int {
	if d.brought < 2 {
		return 1 + d.brought
	}
	gap := d.served.Sub(d.first) / time.Duration(d.brought-1)
	return min(1+d.brought, max(2, int(drawAhead/max(gap, drawAhead/maxDrawChunks))))
}

// pick returns at most room of the missing chunks that may be asked for, by
// blocks in the order of their hashes with this node: another one begins
// elsewhere.
func (d *Drawers) pick(want Demand, room int, may func(i int) bool) content.Set {
	picked := content.NewSet(d.len)
	if room <= 0 {
		return picked
	}
	for _, first := range d.blocks() {
		for i := first; i < min(first+drawBlock, d.len); i++ {
			if !want.Missing.Has(i) || !may(i) {
				continue
			}
			picked.Add(i)
			if room--; room == 0 {
				return picked
			}
		}
	}
	return picked
}

// blocks returns the first chunks of all blocks, in this node's order.
func (d *Drawers) blocks() []int {
	if d.order == nil {
		for i := 0; i < d.len; i += drawBlock {
			d.order = append(d.order, i)
		}
		slices.SortFunc(d.order, func(a, b int) int {
			return cmp.Compare(mix(uint64(a), uint64(d.self)), mix(uint64(b), uint64(d.self)))
		})
	}
	return d.order
}

// fallsTo returns which of the drawers is to bring chunk i.
func (d *Drawers) fallsTo(i int, drawers []ID) ID {
	best, least := ID(0), uint64(math.MaxUint64)
	for _, id := range drawers {
		if h := mix(uint64(i-i%drawBlock), uint64(id)); h <= least {
			best, least = id, h
		}
	}
	return best
}

// mix is a hash of two numbers: the finalizer of SplitMix64 (Steele, Lea and
// Flood, 2014).
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 ^ b
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
