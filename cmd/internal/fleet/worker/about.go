package worker

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"starmesh/cmd/internal/lab/preflight"
	"starmesh/cmd/internal/lab/runner"
)

// About is what a machine has left.
type About struct {
	preflight.Room
	MTU int `json:"mtu"` // of the network that the manager is reached by; 0: not known
}

// about answers About.
func (w *Worker) about(r *http.Request) (any, error) {
	dir := w.cfg.Dir
	if w.cfg.Keep != "" {
		dir = w.cfg.Keep
	}
	return About{Room: preflight.RoomAt(r.Context(), dir), MTU: mtuOf(hostOf(r))}, nil
}

// mtuOf is the MTU of the network interface that has the address.
func mtuOf(host string) int {
	all, _ := net.Interfaces() // without any it is not known
	for _, one := range all {
		addrs, _ := one.Addrs()
		for _, addr := range addrs {
			if ip, ok := addr.(*net.IPNet); ok && ip.IP.String() == host {
				return one.MTU
			}
		}
	}
	return 0
}

// About asks what the machine has left.
func (m Remote) About(ctx context.Context) (a About, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return a, m.ask(ctx, http.MethodGet, "/about", nil, &a)
}

// cpu answers how busy the machine was, from the request to the end of its body.
func (w *Worker) cpu(r *http.Request) (any, error) {
	ctx, stop := context.WithTimeout(r.Context(), w.cfg.MaxTime)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, r.Body)
		stop()
	}()
	return runner.WatchCPU(ctx), nil
}

// clock answers what the time is.
func (w *Worker) clock(*http.Request) (any, error) { return time.Now(), nil }

// A Clock is by how much a machine's clock is ahead of the manager's.
type Clock struct {
	Offset time.Duration
	Error  time.Duration // it may be so much more or less
}

// Clock measures the clock of the machine: of several answers, the one that came
// soonest is the surest (Cristian's algorithm).
func (m Remote) Clock(ctx context.Context) (best Clock, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	const tries = 8
	for i := range tries {
		var there time.Time
		asked := time.Now()
		if err := m.ask(ctx, http.MethodGet, "/clock", nil, &there); err != nil {
			return best, fmt.Errorf("its clock is not known: %w", err)
		}
		took := time.Since(asked)
		if c := (Clock{there.Sub(asked.Add(took / 2)), took / 2}); i == 0 || c.Error < best.Error {
			best = c
		}
	}
	return best, nil
}
