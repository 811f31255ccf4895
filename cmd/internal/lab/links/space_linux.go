package links

import (
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
)

// space is a network namespace without a name, held by its descriptor.
type space struct {
	handle netns.NsHandle
	link   *accessLink // nil: the hub's
}

// newSpace makes a network namespace.
func newSpace() (*space, error) {
	var made netns.NsHandle
	err := onThread(func() (err error) {
		made, err = netns.New()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot make a network namespace: %w", err)
	}
	return &space{handle: made}, nil
}

// do calls f in the namespace: what it opens and starts belongs there.
func (s *space) do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(s.handle); err != nil {
			return fmt.Errorf("cannot enter a network namespace: %w", err)
		}
		return f()
	})
}

func (s *space) close() error { return s.handle.Close() }

// onThread calls f on a thread that nothing else runs on meanwhile, and brings
// that thread back to the namespace it came from. A thread that cannot be
// brought back is never used again: it ends with its goroutine.
//
// The thread must live on when all is well: a child with a parent-death signal
// would be killed by its end.
func onThread(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		back, err := there(f)
		if back {
			runtime.UnlockOSThread()
		}
		failed <- err
	}()
	return <-failed
}

// there calls f; back tells that this thread is where it was before.
func there(f func() error) (back bool, err error) {
	home, err := netns.Get()
	if err != nil {
		return true, fmt.Errorf("cannot tell the namespace of this thread: %w", err)
	}
	defer home.Close()
	defer func() { back = netns.Set(home) == nil }()
	return false, f()
}
