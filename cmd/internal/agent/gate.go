package agent

import (
	"context"
	"net/url"
	"sync"
)

// Gate holds a node until its manager lets it begin. A nil Gate is open.
type Gate struct {
	begin func() // is called when it opens
	once  sync.Once
	open  chan struct{}
}

// NewGate returns a closed Gate.
func NewGate(begin func()) *Gate { return &Gate{begin: begin, open: make(chan struct{})} }

// Open is the Command that opens the gate.
func (g *Gate) Open(context.Context, url.Values) (any, error) {
	g.once.Do(func() {
		g.begin()
		close(g.open)
	})
	return map[string]string{"state": "running"}, nil
}

// Wait returns when the gate is open.
func (g *Gate) Wait(ctx context.Context) error {
	if g == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.open:
		return nil
	}
}
