package agent

import (
	"errors"
	"net/http"
	"sync"
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
