package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"starmesh/common/httphost"
	"starmesh/common/load"
)

// A Command does what a manager asks for with POST /NAME?args. Its answer is
// sent as JSON; nil is sent as {}. Its error is told to the manager. It has
// ten seconds, after which ctx ends.
type Command func(ctx context.Context, args url.Values) (answer any, err error)

// Config says what an agent tells and does.
type Config struct {
	Reporter *load.Reporter
	Sockets  *load.Sockets
	Health   *Health // nil: always well
	// Stop ends the node in good order; it is called once at most, and must
	// not wait for the end. Nil: there is no POST /stop.
	Stop func()
	// Commands are further ones, by name.
	Commands map[string]Command
	// Token lets commands come from other machines too; "" lets none.
	Token string
	// Names are those it may be asked by, beside the machine's.
	Names httphost.Names
	// Gatherers bring more metrics, libp2p's for example.
	Gatherers []prometheus.Gatherer
}

// requestTime is for a request, and as much again for its answer.
const requestTime = 10 * time.Second

// Serve answers on ln until ctx ends, then finishes what is under way within
// two seconds, closes ln and returns nil; any other end is an error.
func Serve(ctx context.Context, ln net.Listener, cfg Config) error {
	handler, err := newHandler(cfg)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	if err := ServeHTTP(ctx, ln, handler, requestTime); err != nil {
		return fmt.Errorf("the agent on %s has failed: %w", ln.Addr(), err)
	}
	return nil
}
