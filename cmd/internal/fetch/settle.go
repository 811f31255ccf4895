package fetch

import (
	"context"
	"starmesh/cmd/internal/units"
	"time"
)

const (
	// settleTime is how long a node that is done goes on sending what it has
	// promised, and hurriedTime how long one that is told to stop does.
	settleTime  = 5 * time.Second
	hurriedTime = 2 * time.Second
)

// settling is a node that can end in good order.
type settling interface {
	Settle(ctx context.Context) (cutOff int)
}

// settle lets a node finish what it is sending, before what it shares is
// closed. ctx ends when the user wants it to stop.
func settle(ctx context.Context, n settling, out Output) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-bounded.Done():
		case <-time.After(hurriedTime):
			cancel()
		}
	})
	defer stop()
	if cutOff := n.Settle(bounded); cutOff > 0 {
		out.Event("cut off", map[string]int{"chunks": cutOff})
		out.Note("left with %s still on the way to others", units.Counted(cutOff, "chunk"))
	}
}
