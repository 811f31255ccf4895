package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"starmesh/common/fault"
)

// life is what runs at a node while it lives: links and questions.
type life struct {
	mu     sync.Mutex      // held by who starts something, and who ends all
	ctx    context.Context // who brings a connection has none
	cancel context.CancelFunc
	group  sync.WaitGroup
}

func (f *life) begin(ctx context.Context) { f.ctx, f.cancel = context.WithCancel(ctx) }

// end lets nothing more begin, and what runs end.
func (f *life) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel()
}

// start runs do, unless the node is leaving.
func (f *life) start(do func(context.Context)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() == nil {
		f.group.Go(func() { do(f.ctx) })
	}
}

// rest waits, unless life ends before.
func (f *life) rest(pause time.Duration) {
	select {
	case <-f.ctx.Done():
	case <-time.After(pause):
	}
}

// open makes a link over a connection that this node has dialled.
func (n *Node) open(c conn) {
	n.life.start(func(ctx context.Context) {
		s, err := c.Open(ctx, protoLink)
		if err != nil {
			n.cfg.Log.Debug("no link", "peer", c.Remote(), "error", err)
			return
		}
		n.trace.stream("opened", c.Remote(), protoLink)
		n.serve(ctx, c, s)
	})
}

// accept takes up a stream that another node has opened.
func (n *Node) accept(proto string, c conn, s stream) {
	n.trace.stream("taken up", c.Remote(), proto)
	n.life.start(func(ctx context.Context) {
		switch proto {
		case protoLink:
			n.serve(ctx, c, s)
		case protoData:
			n.takeChunks(ctx, c, s)
		case protoAsk:
			n.answerQuestion(ctx, c.Remote(), s)
		}
	})
}

// serve runs a link until it ends.
func (n *Node) serve(ctx context.Context, c conn, s stream) {
	l, ctx := newLink(ctx, n, c, s)
	defer l.fail(nil)
	old, err := n.links.add(l)
	if old != nil { // nothing of it may be taken for this one's
		old.fail(fault.Wrapf(fault.Closed, "another link takes its place"))
		old.quitAll()
	}
	if err == nil {
		err = n.joinAll(l)
	}
	if err == nil {
		err = l.run(ctx)
		n.links.remove(l)
		l.quitAll()
	} else {
		n.links.remove(l)
		l.farewell(err)
		_ = s.Close()
	}
	n.judge(l, err)
	if n.links.with(l.peer) == nil {
		n.givers.Left(l.key)
	}
	if !errors.Is(err, fault.Closed) {
		n.life.rest(byeTime) // what was said is still under way, and would end with the connection
	}
	if n.links.over(c) == nil { // a connection without a link would keep a new one from being made
		_ = c.Close()
	}
}

// joinAll says over a new link which files are fetched here.
func (n *Node) joinAll(l *link) error {
	for _, s := range n.shelf.all() {
		if s.fetching() {
			if err := l.join(s); err != nil {
				return fmt.Errorf("join: %w", err)
			}
		}
	}
	return nil
}

// judge remembers who sent what was wrong: it is not spoken with again.
func (n *Node) judge(l *link, err error) {
	guilty := errors.Is(err, fault.Corrupt) || errors.Is(err, fault.Protocol) || errors.Is(err, fault.TooLarge)
	if !guilty {
		n.cfg.Log.Debug("link ended", "peer", l.peer, "why", err)
		return
	}
	n.cfg.Log.Warn("a node is cut off", "peer", l.peer, "why", err)
	n.links.ban(l.peer, err)
}

// takeChunks reads the chunks that a linked node sends.
func (n *Node) takeChunks(ctx context.Context, c conn, s stream) {
	defer s.Reset()
	l := n.links.over(c)
	if l == nil {
		return // of a link that has ended, or was replaced
	}
	if l.receiving.Swap(true) {
		l.fail(fault.Wrapf(fault.Protocol, "a second stream of chunks"))
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	l.fail(l.readChunks(s))
}

// leave ends all links.
func (n *Node) leave() {
	for _, l := range n.links.all() {
		l.fail(fault.Wrapf(fault.Closed, "the node leaves"))
	}
}
