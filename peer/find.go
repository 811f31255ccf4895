package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

// askList asks one node for a file's chunk list.
func (n *Node) askList(ctx context.Context, l *link, id content.ID) (content.ChunkList, string, error) {
	var cvs []byte
	var size int64
	var name string
	for {
		count := len(cvs) / content.CVSize
		err := n.ask(ctx, l, proof{ID: id, From: count}, func(kind frame.Type, body []byte) (bool, error) {
			if kind != typeValues {
				return false, fault.Wrapf(fault.Protocol, "a message of type %#x in answer to PROOF", byte(kind))
			}
			m, err := decodeValues(body)
			size, name = m.Size, m.Name
			cvs = append(cvs, m.CVs...)
			return true, err
		})
		if err != nil {
			return content.ChunkList{}, "", err
		}
		if len(cvs)/content.CVSize == count || len(cvs)/content.CVSize >= content.ChunkCount(size) {
			break
		}
	}
	list, err := content.NewChunkList(size, cvs)
	if err == nil && list.ID() != id {
		err = fault.Wrapf(fault.Corrupt, "%s sent the chunk list of another file", l.peer)
	}
	return list, name, err
}

const (
	// hedge is how long a node may take to answer before another one is asked
	// for the same chunk list, and maxAsked how many are at a time.
	hedge    = 300 * time.Millisecond
	maxAsked = 4
	// askAgain is when a node that did not know a file is asked again: it may
	// be just about to.
	askAgain = time.Second
)

// listSearch is the search for one chunk list among the linked nodes. All but
// ask is used by one goroutine.
type listSearch struct {
	node    *Node
	id      content.ID
	answers chan listAnswer
	group   sync.WaitGroup
	asking  map[*link]bool
	next    map[*link]time.Time // when a node that did not know may be asked again
	last    error               // of the latest answer that was none
}

type listAnswer struct {
	from *link
	list content.ChunkList
	name string
	err  error
}

// ChunkList asks the linked nodes for a file's chunk list, and what they call
// the file: one, and another one whenever there is no answer for a moment. It
// waits for a node that knows until ctx ends.
func (n *Node) ChunkList(ctx context.Context, id content.ID) (content.ChunkList, string, error) {
	s := &listSearch{
		node: n, id: id, answers: make(chan listAnswer),
		asking: map[*link]bool{}, next: map[*link]time.Time{},
	}
	asking, cancel := context.WithCancel(ctx)
	defer s.group.Wait()
	defer cancel()
	tick := time.NewTicker(hedge)
	defer tick.Stop()
	for {
		more := n.links.more()
		s.askOne(asking)
		select {
		case <-ctx.Done():
			return content.ChunkList{}, "", s.failed()
		case a := <-s.answers:
			if a.err == nil {
				return a.list, a.name, nil
			}
			s.note(a)
		case <-more:
		case <-tick.C:
		}
	}
}

// Attributes asks all linked nodes at once what the file has beside its content, and
// returns what the first says that knows. It waits for one until ctx ends.
func (n *Node) Attributes(ctx context.Context, id content.ID) (content.Attributes, error) {
	if err := n.Linked(ctx); err != nil {
		return content.Attributes{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	links := n.links.all()
	answers := make(chan content.Attributes, len(links))
	var asking sync.WaitGroup
	for _, l := range links {
		asking.Go(func() {
			if about, err := n.askAttributes(ctx, l, id); err == nil && about.Mode != 0 {
				answers <- about
				cancel()
			}
		})
	}
	asking.Wait()
	select {
	case about := <-answers:
		return about, nil
	default:
		return content.Attributes{}, fault.Wrapf(fault.NotFound, "nobody in reach knows the mode and time of %s", id.Short())
	}
}

func (n *Node) askAttributes(ctx context.Context, l *link, id content.ID) (about content.Attributes, err error) {
	err = n.ask(ctx, l, enquiry{typeStat, id}, func(kind frame.Type, body []byte) (bool, error) {
		if kind != typeKept {
			return false, fault.Wrapf(fault.Protocol, "a message of type %#x in answer to STAT", byte(kind))
		}
		m, err := decodeKept(body)
		about = m.Attributes
		return true, err
	})
	return about, err
}

// Linked waits until there is a node that can be asked.
func (n *Node) Linked(ctx context.Context) error {
	for {
		more := n.links.more()
		if len(n.links.all()) > 0 {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// askOne asks a node that may be asked now, if there is one.
func (s *listSearch) askOne(ctx context.Context) {
	if len(s.asking) >= maxAsked {
		return
	}
	now := time.Now()
	for _, l := range s.node.links.all() {
		if s.asking[l] || now.Before(s.next[l]) {
			continue
		}
		s.asking[l] = true
		s.group.Go(func() { s.ask(ctx, l) })
		return
	}
}

func (s *listSearch) ask(ctx context.Context, l *link) {
	list, name, err := s.node.askList(ctx, l, s.id)
	select {
	case s.answers <- listAnswer{l, list, name, err}:
	case <-ctx.Done():
	}
}

// note takes an answer that was none.
func (s *listSearch) note(a listAnswer) {
	delete(s.asking, a.from)
	s.next[a.from] = time.Now().Add(askAgain)
	s.last = a.err
	if errors.Is(a.err, fault.Corrupt) || errors.Is(a.err, fault.Protocol) {
		a.from.fail(a.err)
	}
}

// failed says why there is no list.
func (s *listSearch) failed() error {
	if s.last != nil && !errors.Is(s.last, fault.Closed) { // who went away is told of below
		return fmt.Errorf("no node in reach knows %s: %w%s", s.id.Short(), s.last, s.node.unreached())
	}
	return fault.Wrapf(fault.NoSource, "no node in reach knows %s%s", s.id.Short(), s.node.unreached())
}
