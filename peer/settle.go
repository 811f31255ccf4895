package peer

import (
	"context"
	"sync/atomic"
	"time"
)

// settling is the first half of a leave in good order (a graceful drain).
type settling struct {
	begun atomic.Bool // nothing is offered any more
	over  atomic.Bool // … and nothing waited for
}

// settleEvery is how often a node that settles looks whether it is done.
const settleEvery = 10 * time.Millisecond

// Settle is the first half of leaving in good order: from now on the node
// offers nothing, and Settle returns when all chunks that it had promised have
// been received, or when ctx ends. What is cut off then has to come from
// somebody else, and was sent in vain. It returns the number of such chunks.
// Once ctx has ended it, it waits no more when it is called again.
func (n *Node) Settle(ctx context.Context) (cutOff int) {
	n.settling.begun.Store(true)
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		cutOff = n.promised()
		if cutOff == 0 || n.settling.over.Load() {
			return cutOff
		}
		select {
		case <-ctx.Done():
			n.settling.over.Store(true)
			return cutOff
		case <-tick.C:
		}
	}
}

// promised counts the chunks that others wait for.
func (n *Node) promised() int {
	sum := 0
	for _, s := range n.shelf.all() {
		s.mu.Lock()
		sum += s.give.giver.Owed()
		s.mu.Unlock()
	}
	return sum
}
