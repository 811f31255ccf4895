package main

import (
	"context"
	"math/rand/v2"
	"time"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/common/fault"
)

// connection is one connection to a server.
type connection interface {
	Alive() bool
	Close() error
}

// session is a client's dealings with one server, over one connection after
// the other when the server goes away in between.
type session[C connection] struct {
	addr central.Address
	cfg  central.ClientConfig
	dial func(context.Context, central.Address, central.ClientConfig) (C, error)
	out  *cli.Output

	// For how long to try again: before the server has been reached once, and
	// after.
	begin, goOn time.Duration

	client    C // if connected
	connected bool
	reached   bool
}

const (
	firstPause = 200 * time.Millisecond
	longPause  = 5 * time.Second
)

// do runs work with a connection. When that breaks it tries again, as long as
// the flags say; work must be fit to be done again.
func (s *session[C]) do(ctx context.Context, work func(C) error) error {
	began, pause := time.Now(), firstPause
	for {
		err := s.try(ctx, work)
		if err == nil || ctx.Err() != nil || fault.Final(err) {
			return err
		}
		s.close()
		patience := s.begin
		if s.reached {
			patience = s.goOn
		}
		if time.Since(began) >= patience {
			return err
		}
		wait := max(pause/2+rand.N(pause), min(fault.RetryAfter(err), time.Minute))
		s.out.Waiting(s.addr.HostPort, err, wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		pause = min(2*pause, longPause)
	}
}

func (s *session[C]) try(ctx context.Context, work func(C) error) error {
	if !s.connected {
		client, err := s.dial(ctx, s.addr, s.cfg)
		if err != nil {
			return err
		}
		s.client, s.connected = client, true
		// Over HTTP nothing is sent before the first request.
		s.reached = s.reached || !s.addr.HTTP
	}
	err := work(s.client)
	s.reached = s.reached || err == nil
	return err
}

// settle drops a connection that is of no more use.
func (s *session[C]) settle() {
	if s.connected && !s.client.Alive() {
		s.connected = false
	}
}

func (s *session[C]) close() {
	if s.connected {
		s.client.Close()
		s.connected = false
	}
}
