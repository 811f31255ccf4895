package lab

import (
	"context"
	"sync"
	"sync/atomic"

	"starmesh/cmd/internal/dashboard"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// show shows the lab to browsers, if that is wanted, until hide is called.
func (l *lab) show(ctx context.Context) (hide func() error, err error) {
	if l.Watching.Dashboard == "" {
		return func() error { return nil }, nil
	}
	if l.page, err = dashboard.Listen(ctx, l.Watching.Dashboard, l.systems()); err != nil {
		return nil, err
	}
	l.Event("dashboard", map[string]string{"url": l.page.URL()})
	l.Note("watch it at %s", l.page.Where())
	shown, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.page.Serve(shown, &l.control) }()
	return sync.OnceValue(func() error {
		stop()
		return <-ended
	}), nil
}

// control is the page's way to the lab's runner, which comes later than the
// page.
type control struct{ of atomic.Pointer[Runner] }

var errNoRun = fault.Wrapf(fault.NotFound, "no run is under way yet")

func (c *control) Do(ctx context.Context, run, node, action string) error {
	if m := c.of.Load(); m != nil {
		return (*m).Do(ctx, run, node, action)
	}
	return errNoRun
}

func (c *control) Sockets(ctx context.Context, run, node string) ([]load.SocketRow, error) {
	if m := c.of.Load(); m != nil {
		return (*m).Sockets(ctx, run, node)
	}
	return nil, errNoRun
}
