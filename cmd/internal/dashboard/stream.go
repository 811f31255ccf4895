package dashboard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	maxStreams = 32 // browsers that watch at once
	// maxAddrStreams is how many of them may be at one address.
	maxAddrStreams = 8
	patience       = 10 * time.Second // for a browser to take a batch; then it is let go
	heartbeat      = 15 * time.Second // between two signs of life when nothing happens
)

// hello is the first message on a stream: what it is.
type hello struct {
	Run     string `json:"run"`     // another one means: forget what you know
	Live    bool   `json:"live"`    // events come as they happen
	Control bool   `json:"control"` // nodes can be commanded and asked
	Thinned bool   `json:"thinned"` // some readings of the past were left out
}

// stream sends what happened and what happens, as Server-Sent Events (HTML
// standard, §9.2). A browser that comes back says what it saw last.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.places.Take(r.RemoteAddr)
	if !ok {
		http.Error(w, fmt.Sprintf("%d browsers are watching from there already; close one", maxAddrStreams), http.StatusTooManyRequests)
		return
	}
	defer leave()
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, fmt.Sprintf("%d browsers are watching already; close one", maxStreams), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	hub := s.cfg.Hub
	at := hub.position(cmp.Or(r.Header.Get("Last-Event-ID"), r.FormValue("after")))
	text, err := json.Marshal(hello{hub.run, s.cfg.Live, s.cfg.Control != nil, hub.thinned()})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	send := s.sender(w)
	if !send(fmt.Appendf(nil, "retry: 1000\nevent: hello\ndata: %s\n\n", text)) {
		return
	}
	s.follow(r, at, send)
}

// follow sends entries until the browser has gone or all has been told.
func (s *server) follow(r *http.Request, at uint64, send func([]byte) bool) {
	alive := time.NewTicker(s.beat)
	defer alive.Stop()
	for {
		over := s.over() // before looking, so that nothing slips in between
		entries, changed := s.cfg.Hub.after(at)
		if len(entries) > 0 {
			if !send(s.batch(entries)) {
				return
			}
			at = entries[len(entries)-1].number
			continue
		}
		if over {
			send([]byte("event: finished\ndata: {}\n\n"))
			return
		}
		select {
		case <-changed:
		case <-s.ending:
		case <-alive.C:
			if !send([]byte(":\n\n")) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// over reports whether no further event will come.
func (s *server) over() bool {
	if !s.cfg.Live {
		return true
	}
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}

func (s *server) batch(entries []entry) []byte {
	var b bytes.Buffer
	for i := range entries {
		fmt.Fprintf(&b, "id: %s\ndata: %s\n\n", s.cfg.Hub.id(entries[i].number), entries[i].line)
	}
	return b.Bytes()
}

// sender returns a function that sends and tells whether it could: a browser
// that takes too long is let go, to come back where it was.
func (s *server) sender(w http.ResponseWriter) func([]byte) bool {
	control := http.NewResponseController(w)
	return func(text []byte) bool {
		if err := control.SetWriteDeadline(time.Now().Add(s.patience)); err != nil {
			return false
		}
		if _, err := w.Write(text); err != nil {
			return false
		}
		return control.Flush() == nil
	}
}
