package fetch

import (
	"context"
	"errors"
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

// Silence is how long a server may owe something and send nothing before another
// connection is tried: short enough that there is patience left for that, and
// long enough that a server has said why it takes its time. 0 is the client's own
// default.
func (p Patience) Silence() time.Duration {
	if p.For <= 0 {
		return 0
	}
	return max(min(p.For/4, 30*time.Second), 3*time.Second)
}

// connection is one connection to a server.
type connection interface {
	Alive() bool
	Reached() bool // it has been answered
	Close() error
}

// session is a client's dealings with one server, over one connection after
// the other when the server goes away in between.
type session[C connection] struct {
	addr   central.Address
	client central.ClientConfig
	dial   func(context.Context, central.Address, central.ClientConfig) (C, error)
	retry  Patience
	out    Output

	conn      C // if connected
	connected bool
	reached   bool

	// Of the do under way.
	patience *retry.Patience
	done     int64 // the most that any try has reported
	broken   int   // tries of do that failed
}

// firstContacts is how many connections may break before the server has
// answered once: that can be the network. More are the server, or the address.
const firstContacts = 4

// pauses are those before a connection is tried again.
var pauses = retry.Backoff{First: 200 * time.Millisecond, Max: 5 * time.Second, Jitter: 0.5}

// do runs work with a connection. When that breaks it tries again, as long as
// retry says; work must be fit to be done again, and calls progress.
func (s *session[C]) do(ctx context.Context, work func(C) error) error {
	s.patience, s.done, s.broken = retry.New(pauses, s.retry.For), 0, 0
	for {
		err := s.try(ctx, work)
		if err == nil || ctx.Err() != nil || fault.Final(err) {
			return err // with the connection, which others may go on with
		}
		s.close()
		wait, worth := s.patience.Next(err)
		s.broken++
		if s.hopeless(err) || !worth {
			return err
		}
		s.out.Waiting(s.addr.HostPort, err, wait)
		if err := retry.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// hopeless says that a server which has never answered is not worth another try:
// nobody is there, or it breaks each connection.
func (s *session[C]) hopeless(err error) bool {
	if s.reached || s.retry.ToBegin {
		return false
	}
	switch {
	case errors.Is(err, fault.Closed), errors.Is(err, fault.Protocol):
		return s.broken >= firstContacts
	case errors.Is(err, central.ErrSilent): // which takes its time each time
		return s.broken > 1
	default:
		return true
	}
}

// progress notes how much of its work do's function has done, in bytes, over all
// its tries. While that grows, patience does not run out.
func (s *session[C]) progress(done int64) {
	if done > s.done {
		s.done = done
		s.patience.Progress(time.Now())
	}
}

func (s *session[C]) try(ctx context.Context, work func(C) error) error {
	s.settle()
	if !s.connected {
		conn, err := s.dial(ctx, s.addr, s.client)
		if err != nil {
			return err
		}
		s.conn, s.connected = conn, true
	}
	err := work(s.conn)
	s.reached = s.reached || err == nil || s.conn.Reached()
	return err
}

// settle drops a connection that is of no more use.
func (s *session[C]) settle() {
	if s.connected && !s.conn.Alive() {
		s.close()
	}
}

// close closes the connection, if there is one.
func (s *session[C]) close() {
	if s.connected {
		s.conn.Close()
		s.connected = false
	}
}
