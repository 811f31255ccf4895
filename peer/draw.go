package peer

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/transfer"
	"starmesh/peer/scheduler"
)

// drawing is what a swarm has to do with servers: this node brings chunks from
// them into the mesh, if it has any, and passes on who else does. Its methods
// that handle messages lock the swarm.
type drawing struct {
	*swarm
	drawers *scheduler.Drawers
	circle  circle
	asked   map[int]asked      // chunks that servers were asked for
	from    map[*server]string // where those are, as far as strangers may know
	news    bool               // members are to be told who draws
	changed chan struct{}      // closed when there may be more to ask for
}

type asked struct {
	by    *server
	since time.Time
}

func newDrawing(s *swarm) drawing {
	return drawing{
		swarm: s, drawers: scheduler.NewDrawers(s.node.self.key, s.list.Len()),
		asked: map[int]asked{}, from: map[*server]string{}, changed: make(chan struct{}),
	}
}

// run draws on servers until stop is called, which returns what those said that
// have ended for good. The context that it returns ends with them when nobody
// else is there.
func (d *drawing) run(ctx context.Context, servers []transfer.Source) (alive context.Context, stop func() []error) {
	if len(servers) == 0 {
		return ctx, func() []error { return nil }
	}
	d.mu.Lock()
	d.drawers.Begin(d.node.expects.Load(), time.Now())
	d.mu.Unlock()
	alive, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	var mu sync.Mutex
	var said []error
	for _, source := range servers {
		group.Go(func() {
			err := d.drive(alive, source)
			if err == nil || alive.Err() != nil {
				return
			}
			d.node.cfg.Log.Warn("a server is not asked any more", "file", d.name, "why", err)
			mu.Lock()
			defer mu.Unlock()
			if said = append(said, err); len(said) == len(servers) && d.givesUp() {
				cancel(errors.Join(said...))
			}
		})
	}
	return alive, func() []error {
		cancel(context.Canceled)
		group.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.drawers.SetAble(false)
		return said
	}
}

// drive draws on one server until it has ended for good, or ctx has.
func (d *drawing) drive(ctx context.Context, source transfer.Source) error {
	s := &server{drawing: d, claims: d.take.intake.Claimant(source.Name())}
	if known, ok := source.(Server); ok && isOrigin(known.Origin()) {
		d.mu.Lock()
		d.from[s] = known.Origin()
		d.mu.Unlock()
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.from, s)
		}()
	}
	return d.take.intake.Drive(ctx, source, s)
}

// servers is where this node draws now, as far as it can be of use to a node that
// asks: inner addresses are not for strangers.
func (d *drawing) servers(to peer.ID) servers {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := slices.Compact(slices.Sorted(maps.Values(d.from)))
	all = slices.DeleteFunc(all, func(origin string) bool {
		u, err := url.Parse(origin)
		return err != nil || !d.node.around.Near(to, u.Hostname())
	})
	return servers{all[:min(len(all), maxServers)]}
}

// givesUp notes that there is no server any more, and reports whether nobody else
// is there.
func (d *drawing) givesUp() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drawers.SetAble(false)
	return len(d.members) == 0
}

// heard handles DRAW.
func (d *drawing) heard(beats []scheduler.Beat) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drawers.Heard(beats, time.Now()) {
		d.news = true
	}
}

// tickLocked does what time alone brings about: who draws is passed on, and what
// servers do not bring is given up.
func (d *drawing) tickLocked(now time.Time) {
	if own := d.drawers.Tick(now); own || d.news {
		d.news = false
		for _, m := range d.members {
			d.tellLocked(m)
		}
	}
	d.gatherLocked(now)
	var lost []int
	for i, a := range d.asked {
		if d.drawers.IsOverdue(a.since, now) {
			d.drawers.SetAble(false)
			delete(d.asked, i)
			if a.by.claims.Release(i) {
				lost = append(lost, i)
			}
		}
	}
	d.take.lostLocked(lost)
	d.wakeLocked()
}

// excuseLocked has time not count that this process did not run.
func (d *drawing) excuseLocked(missed time.Duration) {
	for i, a := range d.asked {
		a.since = a.since.Add(missed)
		d.asked[i] = a
	}
}

// tellLocked tells a member who draws, if anybody does.
func (d *drawing) tellLocked(m *member) {
	if beats := d.drawers.Tell(time.Now()); len(beats) > 0 {
		m.link.post(draw{Topic: d.topic, Beats: beats})
	}
}

// arrivedLocked notes that a chunk came from another node.
func (d *drawing) arrivedLocked(now time.Time) {
	d.drawers.Arrived(false, 0, now)
	d.wakeLocked()
}

func (d *drawing) wakeLocked() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// server is one server's side of a swarm's intake: it sees as missing what this
// node is to ask for now.
type server struct {
	*drawing
	claims *transfer.Claimant
}

func (s *server) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *server) Missing() content.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, giver, missing := time.Now(), s.give.giver, s.take.intake.Missing()
	if s.restsLocked(now) {
		return s.nothing()
	}
	return s.drawers.Next(scheduler.Demand{
		Missing: missing, Nowhere: giver.Nowhere(missing), Lacking: s.take.intake.Lacking(),
		Nodes: len(s.members), IsNear: func(id scheduler.ID) bool { return s.members[id] != nil }, Open: len(s.asked), Backlog: giver.Backlog(),
	}, now)
}

func (s *server) Claim(i int) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.claims.Claim(i); !ok {
		return nil, false
	}
	s.asked[i] = asked{s, time.Now()}
	s.take.announceLocked(i)
	for _, m := range s.nearLocked() {
		s.take.tellLocked(m) // it is not to ask for the same
	}
	return func() { s.release(i) }, true
}

func (s *server) release(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claims.Release(i) {
		delete(s.asked, i)
		s.take.lostLocked([]int{i})
	}
}

// ReleaseAll takes back all that the server was to bring.
func (s *server) ReleaseAll() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	released := s.claims.ReleaseAll()
	for i, a := range s.asked {
		if a.by == s {
			delete(s.asked, i)
		}
	}
	s.take.lostLocked(released)
	return released
}

func (s *server) Deliver(i int, p []byte) error {
	c, err := s.claims.Receive(i, p)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, took := time.Now(), time.Duration(0)
	if a, ok := s.asked[i]; ok {
		took = now.Sub(a.since)
		delete(s.asked, i)
	}
	s.drawers.SetAble(true)
	s.drawers.Arrived(true, took, now)
	if c.Outcome == transfer.Stored {
		if c.Claimed.IsZero() {
			s.take.announceLocked(i)
			s.take.declineLocked(c)
		}
		s.give.giver.Brought(i)
		s.give.actLocked()
	}
	s.wakeLocked()
	return nil
}
