package agent

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Health is what /healthz answers by. The zero value, and nil, are of a node that
// does its work; it may be used from several goroutines.
type Health struct {
	mu    sync.Mutex // guards check
	check func() error
}

// Check sets what returns why the node cannot do its work, nil while it can.
func (h *Health) Check(check func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.check = check
}

// Starting is the check of a node that gets ready.
func Starting() error { return errors.New("it is being started") }

// arrivalTime is how long nothing may arrive at a node that fetches.
const arrivalTime = 15 * time.Second

// Arriving is the check of a node that fetches, with the count of what has come:
// it does its work while that grows.
func Arriving(come *atomic.Int64) func() error {
	var mu sync.Mutex // guards what follows
	last, since := int64(0), time.Now()
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if got := come.Load(); got != last {
			last, since = got, now
		}
		switch quiet := now.Sub(since); {
		case last == 0:
			return errors.New("nothing has arrived yet")
		case quiet > arrivalTime:
			return fmt.Errorf("nothing has arrived for %s", quiet.Round(time.Second))
		}
		return nil
	}
}

func (h *Health) err() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	check := h.check
	h.mu.Unlock()
	if check == nil {
		return nil
	}
	return check()
}

// healthz answers 200 while the node does its work and 503 while it cannot.
func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	status, said := http.StatusOK, struct {
		Live  bool   `json:"live"`
		Ready bool   `json:"ready"`
		Why   string `json:"why,omitempty"` // not ready
	}{Live: true, Ready: true}
	if err := h.cfg.Health.err(); err != nil {
		status, said.Ready, said.Why = http.StatusServiceUnavailable, false, err.Error()
	}
	Answer(w, status, said)
}
