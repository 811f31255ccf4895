package peer

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
)

// simultaneousTime is within what two nodes that find each other dial each
// other.
const simultaneousTime = 2 * time.Second

// links are the remotes that a node is linked with. Of each remote one link at
// most is the current one.
type links struct {
	self peer.ID

	mu     sync.Mutex // guards the fields below
	of     map[peer.ID]*link
	grown  chan struct{}     // closed, and made anew, with every new one
	banned map[peer.ID]error // sent what was wrong: not spoken with again
}

func newLinks() links {
	return links{of: map[peer.ID]*link{}, grown: make(chan struct{}), banned: map[peer.ID]error{}}
}

// add makes l the current link of its remote. Of two links between the same
// nodes that are dialled at the same time, the one dialled by the smaller id
// stays: both sides see that alike. One that is dialled again later replaces
// what is left of the first, which is returned: it is to be ended.
func (ls *links) add(l *link) (old *link, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if err := ls.banned[l.peer]; err != nil {
		return nil, fault.Wrapf(fault.Refused, "not again, after: %w", err)
	}
	old = ls.of[l.peer]
	if old != nil && l.since.Sub(old.since) < simultaneousTime && ls.dialler(old) <= ls.dialler(l) {
		return nil, fault.Wrapf(fault.Closed, "linked already")
	}
	ls.of[l.peer] = l
	close(ls.grown)
	ls.grown = make(chan struct{})
	return old, nil
}

func (ls *links) dialler(l *link) peer.ID {
	if l.conn.Dialled() {
		return ls.self
	}
	return l.peer
}

// remove ends that l is current, if it is.
func (ls *links) remove(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.of[l.peer] == l {
		delete(ls.of, l.peer)
	}
}

// ban has a remote not spoken with again.
func (ls *links) ban(p peer.ID, why error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.banned[p] = why
}

// with returns the current link of a remote; nil when there is none.
func (ls *links) with(p peer.ID) *link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.of[p]
}

// over returns the current link over a connection; nil when there is none.
func (ls *links) over(c conn) *link {
	if l := ls.with(c.Remote()); l != nil && l.conn == c {
		return l
	}
	return nil
}

func (ls *links) all() []*link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Collect(maps.Values(ls.of))
}

// more is closed when there is another link.
func (ls *links) more() <-chan struct{} {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.grown
}
