package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/fleet"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
	"starmesh/common/retry"
)

// Join works for the manager of j, whose Handler is filled in, in a temporary
// folder of its own: Config.Dir is. While the manager cannot be reached, or hangs up
// before it has said a word, it tries again for so long, and tells waiting. Its errors
// are those of fleet.Join.
func Join(ctx context.Context, cfg Config, j fleet.Joining, retryFor time.Duration, waiting func(why error, wait time.Duration)) (err error) {
	if cfg.Program, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find this program to start transfers with: %w", err)
	}
	dir, leave, err := labdir.TemporaryDir("starmesh-node-")
	if err != nil {
		return fmt.Errorf("no folder for what a manager sends: %w", err)
	}
	defer func() { err = errors.Join(err, leave()) }()
	cfg.Dir = filepath.Join(dir, "node")
	w, err := New(cfg)
	if err != nil {
		return err
	}
	j.Handler = w
	patience := retry.New(retry.Backoff{First: time.Second / 2, Max: 5 * time.Second, Jitter: 0.3}, retryFor)
	for {
		err := fleet.Join(ctx, j)
		var dial *net.OpError
		unheard := errors.Is(err, fault.Busy) || errors.As(err, &dial) && dial.Op == "dial"
		if ctx.Err() != nil || !unheard {
			return err
		}
		wait, ok := patience.Next(err)
		if !ok {
			return err
		}
		waiting(err, wait)
		if err := retry.Wait(ctx, wait); err != nil {
			return err
		}
	}
}
