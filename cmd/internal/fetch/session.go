package fetch

import (
	"context"
	"math/rand/v2"
	"time"

	"starmesh/central"
	"starmesh/common/fault"
)

// Patience is for how long to try again while nothing arrives; negative is for
// ever, where that makes sense.
type Patience struct {
	For     time.Duration
	ToBegin bool // before anything has been reached, too
}

// connection is one connection to a server.
type connection interface {
	Alive() bool
	Close() error
}

// Session is a client's dealings with one server, over one connection after
// the other when the server goes away in between.
type Session[C connection] struct {
	Addr   central.Address
	Client central.ClientConfig
	Dial   func(context.Context, central.Address, central.ClientConfig) (C, error)
	Retry  Patience
	Out    Output

	client    C // if connected
	connected bool
	reached   bool
}

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Do runs work with a connection. When that breaks it tries again, as long as
// Retry says; work must be fit to be done again.
func (s *Session[C]) Do(ctx context.Context, work func(C) error) error {
	began, pause := time.Now(), firstPause
	for {
		err := s.try(ctx, work)
		if err == nil || ctx.Err() != nil || fault.Final(err) {
			return err
		}
		s.Close()
		hopeless := !s.reached && !s.Retry.ToBegin
		if hopeless || time.Since(began) >= s.Retry.For {
			return err
		}
		wait := max(pause/2+rand.N(pause), min(fault.RetryAfter(err), time.Minute))
		s.Out.Waiting(s.Addr.HostPort, err, wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		pause = min(2*pause, maxPause)
	}
}

func (s *Session[C]) try(ctx context.Context, work func(C) error) error {
	if !s.connected {
		client, err := s.Dial(ctx, s.Addr, s.Client)
		if err != nil {
			return err
		}
		s.client, s.connected = client, true
		// Over HTTP nothing is sent before the first request.
		s.reached = s.reached || !s.Addr.HTTP
	}
	err := work(s.client)
	s.reached = s.reached || err == nil
	return err
}

// settle drops a connection that is of no more use.
func (s *Session[C]) settle() {
	if s.connected && !s.client.Alive() {
		s.connected = false
	}
}

// Close closes the connection, if there is one.
func (s *Session[C]) Close() {
	if s.connected {
		s.client.Close()
		s.connected = false
	}
}
