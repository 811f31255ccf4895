package fetch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"starmesh/common/fault"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	hiddenLook = 2 * time.Second
	// hiddenFor is how long nobody outside reaches this node, or others each
	// other, before that is said: relays and new nodes need a moment.
	hiddenFor = 10 * time.Second
)

// TellHidden does work, and tells meanwhile, once each, that nodes can not reach
// this one or each other: a mesh of those is a star. remark keeps what was said
// for who asks later.
func (n *Node) TellHidden(ctx context.Context, out Output, remark func(text string), work func() error) error {
	ctx, stop := context.WithCancel(ctx)
	h := hidden{n: n, out: out, remark: remark, since: map[string]time.Time{}}
	var watching sync.WaitGroup
	watching.Go(func() { h.watch(ctx) })
	defer watching.Wait()
	defer stop()
	return work()
}

func (h *hidden) watch(ctx context.Context) {
	tick := time.NewTicker(hiddenLook)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			h.look(now)
		case <-ctx.Done():
			h.look(time.Now()) // or a short one would not say it
			return
		}
	}
}

// hidden is what is to be said of who can not be reached.
type hidden struct {
	n      *Node
	out    Output
	remark func(text string)
	since  map[string]time.Time // by what is to be said
	told   []string
}

func (h *hidden) look(now time.Time) {
	s, inside := h.n.Hidden(), h.n.OnThisMachine()
	others := s.Others > 1 && 2*s.Others > s.Linked
	h.tell(now, "inside", s.Self && inside, func() error {
		return advised(fault.HintNetwork, "nobody can reach this node, so it passes on only to those that it reaches itself: it listens on this machine only")
	})
	h.tell(now, "self", s.Self && !inside, func() error {
		return advised(fault.HintAnnounce, "nobody outside of its network can reach this node, so it passes on only to those that it reaches itself")
	})
	h.tell(now, "others", others, func() error {
		return advised(fault.HintOthers, "%d of the %d nodes here can be reached by no other, so most comes from this one", s.Others, s.Linked)
	})
	h.tell(now, "apart", !others && s.Alone > 1 && 2*s.Alone > s.Takers, func() error {
		return fmt.Errorf("%d of the %d nodes here get nothing from each other, so most comes from this one: does a firewall stand between them?", s.Alone, s.Takers)
	})
	h.tell(now, "unreached", s.Unreached > s.Linked, func() error {
		why, _, _ := strings.Cut(h.n.Unreached(), "\n")
		return fmt.Errorf("of the nodes known here %d of %d do not answer, so nothing is passed on to them: does a firewall stand between? %s", s.Unreached, s.Unreached+s.Linked, why)
	})
}

func advised(hint fault.Hint, format string, args ...any) error {
	return fault.Advise(fmt.Errorf(format, args...), hint)
}

// tell says a thing once, when it has been so for long enough; that a node is to
// be reached on its machine only is so for good.
func (h *hidden) tell(now time.Time, what string, is bool, text func() error) {
	if !is {
		delete(h.since, what)
		return
	}
	if h.since[what].IsZero() {
		h.since[what] = now
	}
	if slices.Contains(h.told, what) || what != "inside" && now.Sub(h.since[what]) <= hiddenFor {
		return
	}
	h.told = append(h.told, what)
	said := h.out.Words(text())
	h.out.Warn("%s", said)
	h.out.Event("hidden", map[string]string{"who": what, "text": said})
	h.remark(said)
}

// OnThisMachine returns whether the node can be reached from its own machine
// only.
func (n *Node) OnThisMachine() bool {
	return !slices.ContainsFunc(n.Addrs(), func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) })
}

// SayWhere tells people at which of its addresses others get from this node what
// it gets.
func (n *Node) SayWhere(out Output) {
	if addrs := n.Addrs(); len(addrs) > 0 && !n.OnThisMachine() {
		out.Note("others get it from this node, too: it listens at %s", addrs[0])
	}
}
