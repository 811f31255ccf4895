package fetch

import (
	"context"
	"time"

	"starmesh/central"
	"starmesh/common/fault"
	"starmesh/common/retry"
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

	// Of the Do under way.
	patience *retry.Patience
	done     int64 // the most that any try has reported
}

// pauses are those before a connection is tried again.
var pauses = retry.Backoff{First: 200 * time.Millisecond, Max: 5 * time.Second, Jitter: 0.5}

// Do runs work with a connection. When that breaks it tries again, as long as
// Retry says; work must be fit to be done again, and calls Progress.
func (s *Session[C]) Do(ctx context.Context, work func(C) error) error {
	s.patience, s.done = retry.New(pauses, s.Retry.For), 0
	for {
		err := s.try(ctx, work)
		if err == nil || ctx.Err() != nil || fault.Final(err) {
			return err // with the connection, which others may go on with
		}
		s.Close()
		wait, worth := s.patience.Next(err)
		if hopeless := !s.reached && !s.Retry.ToBegin; hopeless || !worth {
			return err
		}
		s.Out.Waiting(s.Addr.HostPort, err, wait)
		if err := retry.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// Progress notes how much of its work Do's function has done, in bytes, over all
// its tries. While that grows, patience does not run out.
func (s *Session[C]) Progress(done int64) {
	if done > s.done {
		s.done = done
		s.patience.Progress(time.Now())
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
