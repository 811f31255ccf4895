package peer

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/peer/scheduler"
)

// circle is the nodes of a swarm that draw on servers, and those who would take
// their places. They are to be linked with each other: then each knows what the
// others have asked for, and none asks for it again.
type circle struct {
	ids        []scheduler.ID // the lowest first
	introduced map[[2]scheduler.ID]bool
	dialled    int // nodes, because they are of it
}

const (
	// drawing at once are so many of a circle.
	drawingAtOnce = scheduler.MaxDrawers / 2
	// maxIntroduced bounds the pairs that are remembered, and maxCircleDials how
	// many nodes are dialled for one file because others say that they draw.
	maxIntroduced  = 4 * scheduler.MaxDrawers * scheduler.MaxDrawers
	maxCircleDials = 8 * scheduler.MaxDrawers
	// firstTime is how long a node waits for the first chunk from whoever is the
	// first of the circle. restTime is how long a node that is not to draw trusts
	// those who are: each of them gives up by itself a server that brings it nothing.
	firstTime = 3 * time.Second
	restTime  = 5 * time.Second
)

// gatherLocked notes who draws now, and introduces those who are linked with this
// node to each other.
func (d *drawing) gatherLocked(now time.Time) {
	c := &d.circle
	d.countLocked(now)
	near := d.nearLocked()
	for i, a := range near {
		for _, b := range near[:i] {
			pair := [2]scheduler.ID{min(a.link.key, b.link.key), max(a.link.key, b.link.key)}
			if c.introduced[pair] {
				continue
			}
			if c.introduced == nil || len(c.introduced) >= maxIntroduced {
				c.introduced = map[[2]scheduler.ID]bool{}
			}
			c.introduced[pair] = true
			d.introduceLocked(a, b)
			d.introduceLocked(b, a)
		}
	}
}

// countLocked notes who draws now.
func (d *drawing) countLocked(now time.Time) {
	d.circle.ids = d.circle.ids[:0]
	for _, b := range d.drawers.Tell(now) {
		d.circle.ids = append(d.circle.ids, b.ID)
	}
}

// introduceLocked tells a member of another one, after that it draws.
func (d *drawing) introduceLocked(to, other *member) {
	if places := d.node.around.Tellable(to.link.peer, []peer.ID{other.link.peer}); len(places) > 0 {
		d.tellLocked(to)
		to.link.post(peers{Topic: d.topic, Places: places})
	}
}

// nearLocked returns the members that are of the circle.
func (d *drawing) nearLocked() (near []*member) {
	for _, id := range d.circle.ids {
		if m := d.members[id]; m != nil {
			near = append(near, m)
		}
	}
	return near
}

// introduced has nodes dialled that m tells of and that draw, as this one does,
// however many others it has met.
func (d *drawing) introduced(m *member, places []peer.AddrInfo) {
	d.mu.Lock()
	d.countLocked(time.Now())
	var some []peer.AddrInfo
	if slices.Contains(d.circle.ids, d.node.self.key) {
		for _, p := range places {
			key := keyOf(p.ID)
			if slices.Contains(d.circle.ids, key) && d.members[key] == nil {
				some = append(some, p)
			}
		}
	}
	some = some[:min(len(some), maxCircleDials-d.circle.dialled)]
	d.circle.dialled += len(some)
	d.mu.Unlock()
	if len(some) > 0 {
		d.node.around.Told(m.link.peer, some, len(some))
	}
}

// restsLocked reports whether this node leaves the servers to others for now,
// whatever it lacks: to the first of the circle until something has come, and to
// those who draw while they live.
func (d *drawing) restsLocked(now time.Time) bool {
	place := slices.Index(d.circle.ids, d.node.self.key)
	switch {
	case len(d.members) == 0 || place == 0 || len(d.circle.ids) == 0:
		return false
	case d.drawers.Empty():
		return d.drawers.Since(now) < firstTime
	default:
		return (place < 0 || place >= drawingAtOnce) && d.take.intake.Idle() < restTime
	}
}

// nothing is no chunk of the file.
func (d *drawing) nothing() content.Set { return content.NewSet(d.list.Len()) }
