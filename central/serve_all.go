package central

import (
	"context"
	"errors"
	"net"

	"golang.org/x/sync/errgroup"
)

// ServeAll keeps the folder up to date and serves it on ln and, over HTTP, on web
// (nil: not) until ctx ends or one of them fails. The folder goes on until the
// last answer is given.
func (s *Server) ServeAll(ctx context.Context, ln *net.TCPListener, web net.Listener) error {
	serving, ctx := errgroup.WithContext(ctx)
	scan, stopScan := context.WithCancel(context.WithoutCancel(ctx))
	defer stopScan()
	scanned := make(chan error, 1)
	serving.Go(func() error {
		go func() { scanned <- s.cfg.Folder.Run(scan) }()
		select {
		case <-ctx.Done():
			return nil
		case err := <-scanned: // before its time: the folder is gone
			scanned <- nil
			return err
		}
	})
	serving.Go(func() error { return s.Serve(ctx, ln) })
	if web != nil {
		serving.Go(func() error { return s.ServeHTTP(ctx, web) })
	}
	err := serving.Wait()
	stopScan()
	return errors.Join(err, <-scanned)
}
