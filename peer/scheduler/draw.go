package scheduler

import (
	"slices"
	"time"

	"starmesh/common/content"
)

const (
	// settleTime is how long a node that has met others waits to hear who draws
	// before it takes its place among them, and meetTime how long it waits for
	// others when it knows of some.
	settleTime = 100 * time.Millisecond
	meetTime   = time.Second
	// aloneTime is after how long a node that has met nobody takes the server for
	// its own.
	aloneTime = 3 * time.Second
	// A drawer asks for no more while firstBacklog chunks that it brought wait for
	// their first copy; twice as many whenever nothing arrives for stealTime.
	firstBacklog = 2 * drawBlock
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
)

// Drawers decides for one file which nodes of a swarm draw on its servers, and
// what this one asks for. The nodes tell each other of the MaxDrawers lowest ids
// that can draw; the drawersAtOnce lowest of those do, and each chunk falls to
// the one for which a hash of both is lowest (rendezvous hashing; Thaler and
// Ravishankar, 1998). So all agree without asking anybody, and who goes is
// followed by the next. It is for one goroutine at a time.
type Drawers struct {
	roll
	flow
	shares  shares
	began   time.Time
	met     time.Time // when there was first another node
	expects bool      // others are known of, and to be met
	backlog int       // chunks that may wait for their first copy
	grown   time.Time // when that was doubled last
	worked  time.Time // when there was last something of its own to ask for
}

// NewDrawers makes it for node self and a file of so many chunks.
func NewDrawers(self ID, chunks int) *Drawers {
	return &Drawers{
		roll: roll{self: self, known: map[ID]sign{}}, backlog: firstBacklog,
		shares: shares{self: self, chunks: chunks},
	}
}

// Begin notes that this node has a server from now on. expects tells that it knows
// of other nodes that may fetch the same.
func (d *Drawers) Begin(expects bool, now time.Time) {
	d.able, d.expects, d.began, d.worked, d.grown = true, expects, now, now, now
}

// Since returns how long ago that was.
func (d *Drawers) Since(now time.Time) time.Duration { return now.Sub(d.began) }

// Demand is what a node lacks and sees when it may ask a server.
type Demand struct {
	Missing content.Set   // neither held nor promised; not changed
	Nowhere content.Set   // those of them that no neighbour holds or is about to get; not changed
	Nodes   int           // neighbours
	IsNear  func(ID) bool // a neighbour, of whom is heard at once what it asks for
	Open    int           // chunks that servers were asked for
	Backlog int           // chunks that this node brought from servers and gave nobody yet
	Lacking int           // chunks not held
}

// Next returns the chunks to ask a server for now, if any.
func (d *Drawers) Next(want Demand, now time.Time) content.Set {
	next := content.NewSet(d.shares.chunks)
	for _, i := range d.next(want, now) {
		next.Add(i)
	}
	return next
}

func (d *Drawers) next(want Demand, now time.Time) []int {
	if want.Nodes > 0 && d.met.IsZero() {
		d.met = now
	}
	switch {
	case want.Nodes == 0:
		return d.alone(want, now)
	case !d.isSettled(now) && d.expects:
		return nil
	case !d.isSettled(now):
		return d.shares.any(want.Nowhere, 1-want.Open)
	}
	room := min(d.ahead(), maxShare) - want.Open
	if picked := d.share(want, room, now); len(picked) > 0 {
		return picked
	}
	return d.help(want, now)
}

// alone picks what a node without others in reach asks for: little at first, for
// others may be about to come; then what is next in the file.
func (d *Drawers) alone(want Demand, now time.Time) []int {
	since := now.Sub(d.began)
	if since < meetTime && d.expects && d.met.IsZero() {
		return nil
	}
	room := d.ahead() - want.Open
	if since < aloneTime {
		return d.shares.any(want.Missing, min(d.ahead(), maxShare)-want.Open)
	}
	var next []int
	for i, ok := want.Missing.Next(0); ok && room > 0; i, ok = want.Missing.Next(i + 1) {
		next = append(next, i)
		room--
	}
	return next
}

// isSettled reports whether this node knows who draws, as far as can be: it has
// heard from somebody, or nobody of those it met draws.
func (d *Drawers) isSettled(now time.Time) bool {
	return now.Sub(d.met) > meetTime || now.Sub(d.met) > settleTime && len(d.known) > 0
}

// share picks from what falls to this node: its own; when that has been brought
// what others would ask for last; and when nothing arrives any more whatever is
// nowhere.
func (d *Drawers) share(want Demand, room int, now time.Time) []int {
	active := d.lowest(now, drawersAtOnce)
	if !slices.Contains(active, d.self) {
		if d.isStalled(d.arrived, now) {
			return d.shares.any(want.Nowhere, 1-want.Open)
		}
		return nil
	}
	if now.Sub(latest(d.arrived, d.grown)) > stealTime {
		d.backlog, d.grown = 2*d.backlog, now // not its uplink alone is slow
	}
	if len(active) > 1 && want.Backlog >= d.backlog {
		return nil
	}
	own := d.shares.own(active, want.Nowhere, room)
	stranger := func(id ID) bool { return id != d.self && !want.IsNear(id) }
	if len(own) == 0 && !slices.ContainsFunc(active, stranger) {
		own = d.shares.relief(want.Nowhere, room)
	}
	if len(own) > 0 || want.Open > 0 {
		d.worked = now
		return own
	}
	if now.Sub(d.worked) < max(stealTime, patienceFactor*d.interval) {
		return own
	}
	return d.shares.any(want.Nowhere, 1-want.Open)
}

// help picks what the mesh has, when that is too slow to bring it.
func (d *Drawers) help(want Demand, now time.Time) []int {
	met := now.Sub(d.met)
	rest := time.Duration(want.Lacking) * met / time.Duration(max(d.got, 1))
	switch {
	case !want.Nowhere.Empty():
		return nil
	case met > minHelpTime && rest > max(minHelpTime, now.Sub(d.began)):
		return d.shares.any(want.Missing, drawBlock-want.Open)
	case d.isStalled(d.passed, now):
		return d.shares.any(want.Missing, 1-want.Open)
	default:
		return nil
	}
}

// isStalled reports whether nothing has arrived for long, since last. Nodes that find
// that out all at once act one after the other.
func (d *Drawers) isStalled(last, now time.Time) bool {
	last = latest(last, d.began)
	turn := time.Duration(mix(uint64(d.self), uint64(last.Unix())) % uint64(2*stallTime))
	return now.Sub(last) > min(max(stallTime, patienceFactor*d.interval), maxStallTime)+turn
}
