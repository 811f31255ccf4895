package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Watch has a node watched while it works: its load log is written, and its
// agent answers.
type Watch struct {
	Address  string // of the agent; "": there is none
	Config          // of the agent
	Log      string // file of the load log; "": there is none
	Interval time.Duration

	listener net.Listener
	file     *os.File
}

// Open takes the agent's address and makes the log, so that a wrong one is known
// before any work is done. During must follow if it does not fail.
func (w *Watch) Open(ctx context.Context) (err error) {
	if w.Address != "" {
		if w.listener, err = Listen(ctx, "tcp", w.Address); err != nil {
			return err
		}
	}
	if w.Log == "" {
		return nil
	}
	if w.file, err = os.Create(w.Log); err != nil {
		if w.listener != nil {
			w.listener.Close()
		}
		return fmt.Errorf("cannot write the load log: %w", err)
	}
	return nil
}

// Addr is where the agent answers; nil: there is none.
func (w *Watch) Addr() net.Addr {
	if w.listener == nil {
		return nil
	}
	return w.listener.Addr()
}

// During watches while work is done, and a little longer, so that the last
// report is the whole truth.
func (w *Watch) During(work func() error) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	if w.file != nil {
		group.Go(func() error {
			return errors.Join(w.Reporter.Log(ctx, w.file, w.Interval), w.file.Close())
		})
	}
	if w.listener != nil {
		group.Go(func() error { return Serve(ctx, w.listener, w.Config) })
	}
	err := work()
	w.Reporter.End(err)
	stop()
	return errors.Join(err, group.Wait())
}
