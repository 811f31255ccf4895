package main

import (
	"context"
	"math/rand/v2"
	"time"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/common/fault"
)

// session is a client's dealings with one server, over one connection after
// the other when the server goes away in between.
type session struct {
	addr central.Address
	cfg  central.ClientConfig
	out  *cli.Output

	// For how long to try again: before the server has been reached once, and
	// after.
	begin, goOn time.Duration

	client  *central.Client // nil: not connected now
	reached bool
}

const (
	firstPause = 200 * time.Millisecond
	longPause  = 5 * time.Second
)

// do runs work with a connection. When that breaks it tries again, as long as
// the flags say; work must be fit to be done again.
func (s *session) do(ctx context.Context, work func(*central.Client) error) error {
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

func (s *session) try(ctx context.Context, work func(*central.Client) error) error {
	if s.client == nil {
		client, err := central.Dial(ctx, s.addr, s.cfg)
		if err != nil {
			return err
		}
		s.client, s.reached = client, true
	}
	return work(s.client)
}

// settle drops a connection that is of no more use.
func (s *session) settle() {
	if s.client != nil && !s.client.Alive() {
		s.client = nil
	}
}

func (s *session) close() {
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}
