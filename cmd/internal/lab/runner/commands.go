package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/system"
)

// ways is how nodes are reached and called. An origin that is started again
// keeps its ways.
type ways struct {
	mu     sync.Mutex
	origin system.Told       // by the origin's last start
	names  map[string]string // of nodes, by the ids in load reports
}

// learn waits for what a node tells of how it is reached.
func (w *ways) learn(ctx context.Context, how *system.Launch, n *node, p *Process) error {
	told, err := how.Ready(!n.receiver(), func(event string, into any) error {
		_, err := p.Await(ctx, event, into)
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if told.ID != "" {
		if w.names == nil {
			w.names = make(map[string]string)
		}
		w.names[told.ID] = n.name
	}
	if !n.receiver() {
		w.origin = told
	}
	return nil
}

// toOrigin is how the origin is reached.
func (w *ways) toOrigin() system.Told {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.origin
}

// name returns the name of the node that load reports call remote; "" if nobody
// knows it.
func (w *ways) name(remote string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names[remote]
}

// file is the name of the files about a node's present start, without their
// endings.
func (r *run) file(n *node) string {
	if n.starts > 1 {
		return filepath.Join(r.dir, fmt.Sprintf("%s.%d", n.name, n.starts))
	}
	return filepath.Join(r.dir, n.name)
}

// spec is what a node is to do, from its first start or again: then it begins
// at once.
func (r *run) spec(n *node, again bool) Spec {
	return Spec{
		Node: n.name, System: r.System.Name, Origin: !n.receiver(),
		File: filepath.Base(r.cfg.File.Path), Bytes: r.cfg.File.Bytes, Way: r.ways.toOrigin(),
		Hold: n.receiver() && !again, Interval: r.logInterval(), Misbehave: n.shape.Misbehave, To: r.cfg.To,
		Up: float64(n.limits.Up), Down: float64(n.limits.Down), Delay: r.network.delay, AcceptPause: n.shape.AcceptPause,
	}
}

// logInterval is short for a short run, so that its plots have points.
func (r *run) logInterval() time.Duration {
	const points = 40
	interval := time.Duration(r.bound() / points * float64(time.Second))
	return min(max(interval, 100*time.Millisecond), time.Second).Round(10 * time.Millisecond)
}
