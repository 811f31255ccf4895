package dashboard

import (
	"context"
	"net"
	"net/http"
	"time"

	"starmesh/cmd/internal/lab/labdir"
)

// Embed is embed, for tests with small limits.
func Embed(events []labdir.Event, limit int) (string, bool, error) { return embed(events, limit) }

// NewSmallHub is a hub that remembers little.
func NewSmallHub(limit int) *Hub {
	h := NewHub()
	h.history.limit = limit
	return h
}

// Kept returns the lines that a hub remembers, and how many bytes they take.
func (h *Hub) Kept() (lines []string, size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.history.entries {
		lines = append(lines, string(e.line))
	}
	return lines, h.history.size
}

// MaxStreams is how many browsers may watch.
const MaxStreams = maxStreams

// ServeImpatiently serves until ctx ends, and lets a browser go that does not
// take what it is sent within patience. letGo is told of each.
func ServeImpatiently(ctx context.Context, ln net.Listener, cfg Config, patience time.Duration, letGo chan<- struct{}) error {
	s := newServer(ctx, cfg)
	s.patience = patience
	handler := s.routes()
	h := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		letGo <- struct{}{}
	})}
	defer context.AfterFunc(ctx, func() { _ = h.Close() })()
	return h.Serve(ln)
}

// Script and Style are the view's.
func Script() string { return script(orAll(nil)) }
func Style() string  { return style }
