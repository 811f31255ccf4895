package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"starmesh/common/fault"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	hiddenLook = 500 * time.Millisecond
	// hiddenFor is how long nobody outside reaches this node, or others each
	// other, before that is said: relays and new nodes need a moment.
	hiddenFor = 10 * time.Second
)

// TellHidden does work, and tells meanwhile, once each, that nodes can not reach
// this one or each other: a mesh of those is a star. remark keeps what was said
// for who asks later.
func (n *Node) TellHidden(ctx context.Context, out Output, remark func(text string), work func() error) error {
	ctx, stop := context.WithCancel(ctx)
	h := hidden{n: n, out: out, remark: remark}
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

// hidden is who can not be reached.
type hidden struct {
	n            *Node
	out          Output
	remark       func(text string)
	self, others time.Time // since when
	told         []string
}

func (h *hidden) look(now time.Time) {
	self, others, linked := h.n.Hidden()
	since(&h.self, self, now)
	since(&h.others, others > 1 && 2*others > linked, now)
	inside := h.n.OnThisMachine()
	switch {
	case self && inside:
		h.tell("self", fault.HintNetwork, "nobody can reach this node, so it passes on only to those that it reaches itself: it listens on this machine only")
	case self && now.Sub(h.self) > hiddenFor:
		h.tell("self", fault.HintAnnounce, "nobody outside of its network can reach this node, so it passes on only to those that it reaches itself")
	case h.others != time.Time{} && now.Sub(h.others) > hiddenFor:
		h.tell("others", fault.HintOthers, fmt.Sprintf("%d of the %d nodes here can be reached by no other, so most comes from this one", others, linked))
	}
}

// since keeps when something has begun that is the case now.
func since(begun *time.Time, is bool, now time.Time) {
	if !is {
		*begun = time.Time{}
	} else if begun.IsZero() {
		*begun = now
	}
}

// tell says a thing once, by its kind, and what would help.
func (h *hidden) tell(kind string, hint fault.Hint, text string) {
	if slices.Contains(h.told, kind) {
		return
	}
	h.told = append(h.told, kind)
	text = h.out.Words(fault.Advise(errors.New(text), hint))
	h.out.Warn("%s", text)
	h.out.Event("hidden", map[string]string{"who": kind, "text": text})
	h.remark(text)
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
