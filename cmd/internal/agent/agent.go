package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

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
	// Stop ends the node in good order; it is called once at most, and must
	// not wait for the end. Nil: there is no POST /stop.
	Stop func()
	// Commands are further ones, by name.
	Commands map[string]Command
	// Token lets commands come from other machines too; "" lets none.
	Token string
	// Gatherers bring more metrics, libp2p's for example.
	Gatherers []prometheus.Gatherer
}

const (
	headerTime  = 5 * time.Second  // for a client to send its header
	requestTime = 10 * time.Second // for a whole request and for its answer
	idleTime    = 60 * time.Second // between two requests
	endTime     = 2 * time.Second  // for requests under way when the agent ends
	maxHeader   = 16 << 10
	maxBody     = 64 << 10
	maxConns    = 256 // at once; further ones wait
)

// Serve answers on ln until ctx ends, then finishes what is under way within
// two seconds, closes ln and returns nil; any other end is an error.
func Serve(ctx context.Context, ln net.Listener, cfg Config) error {
	handler, err := newHandler(cfg)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime,
		WriteTimeout: 2 * requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // what broken clients do is their affair
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(netutil.LimitListener(ln, maxConns)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("the agent on %s has failed: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		_ = server.Close() // ends the rest; what it says is of no use now
	}
	<-ended
	return nil
}
