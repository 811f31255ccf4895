package dashboard

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/lab/system"
)

// Config says what is shown and what may be done.
type Config struct {
	Hub *Hub
	// Control makes the buttons of the page do something; nil: it has none.
	Control Control
	// Token lets commands come from other machines too; "" lets none. The page
	// takes it from its address, after #token=.
	Token string
	// Live tells that events come as they happen, until ctx ends. Otherwise
	// the hub holds all of them before Serve begins.
	Live bool
	// Systems are those that events may name; nil: system.All.
	Systems system.Table
}

// Serve shows the lab on ln until ctx ends. Then it tells the browsers what is
// left, for two seconds at the most, closes ln and returns nil; any other end
// is an error.
func Serve(ctx context.Context, ln net.Listener, cfg Config) error {
	handler := newServer(ctx, cfg).routes()
	// Streams set their own deadlines.
	if err := agent.ServeHTTP(ctx, ln, handler, controlTime); err != nil {
		return fmt.Errorf("the dashboard on %s has failed: %w", ln.Addr(), err)
	}
	return nil
}

// server answers the requests.
type server struct {
	cfg      Config
	ending   <-chan struct{} // closed when no further event will come
	streams  chan struct{}   // one for each browser that watches
	places   *agent.Places   // among them
	patience time.Duration
	beat     time.Duration
}

func newServer(ctx context.Context, cfg Config) *server {
	return &server{
		cfg: cfg, ending: ctx.Done(), streams: make(chan struct{}, maxStreams), places: agent.NewPlaces(maxAddrStreams),
		patience: patience, beat: heartbeat,
	}
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", file("text/html; charset=utf-8", page))
	mux.HandleFunc("GET /view.css", file("text/css; charset=utf-8", style))
	mux.HandleFunc("GET /view.js", file("text/javascript; charset=utf-8", script(orAll(s.cfg.Systems))))
	mux.HandleFunc("GET /events", s.stream)
	if s.cfg.Control != nil {
		mux.HandleFunc("GET /sockets", s.sockets)
		mux.HandleFunc("GET /may", s.may)
		for _, action := range []string{Stop, Kill, Start} {
			mux.HandleFunc("POST /"+action, s.command(action))
		}
	}
	return agent.Guard(s.cfg.Token, nil, mux)
}

// orAll is what is meant where no systems are given.
func orAll(systems system.Table) system.Table {
	if systems == nil {
		return system.All()
	}
	return systems
}

// policy lets the page use what comes from here, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file serves a part of the page.
func file(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		_, _ = io.WriteString(w, text) // a browser that has gone needs no answer
	}
}
