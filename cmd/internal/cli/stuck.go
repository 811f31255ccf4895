package cli

import (
	"os"
	"time"

	"starmesh/common/stuck"
)

// stuckTime is how long a command that is to end may be in a call that nothing
// ends, before it is not waited for.
const stuckTime = 1500 * time.Millisecond

// AwaitStuck returns when a signal comes, or when the command, which has been
// asked to end, does not get out of a call.
func AwaitStuck(signals <-chan os.Signal) {
	asked, tick := time.Now(), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for stuck.For(asked) < stuckTime {
		select {
		case <-signals:
			return
		case <-tick.C:
		}
	}
}
