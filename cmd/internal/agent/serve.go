package agent

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

const (
	headerTime = 5 * time.Second  // for a client to send its header
	idleTime   = 60 * time.Second // between two requests
	endTime    = 2 * time.Second  // for requests under way when ctx ends
	maxHeader  = 16 << 10
	maxConns   = 256 // at once; further ones wait
	// maxAddrConns is how many of them may come from one address.
	maxAddrConns = 32
)

// ServeHTTP answers with handler what is asked on ln until ctx ends, then
// finishes what is under way within two seconds, closes ln and returns nil; any
// other end is an error. It bounds what clients may take: requestTime is for
// reading a request, and twice that for reading and answering it, unless
// handler sets a deadline of its own.
//
// Agents are served by it, and so are others who are asked over HTTP in a lab.
func ServeHTTP(ctx context.Context, ln net.Listener, handler http.Handler, requestTime time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime,
		WriteTimeout: 2 * requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // what broken clients do is their affair
	}
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(netutil.LimitListener(fairListener{ln, NewPlaces(maxAddrConns)}, maxConns))
	}()
	select {
	case err := <-ended:
		return errors.Join(err, server.Close()) // no answer goes on behind its back
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
