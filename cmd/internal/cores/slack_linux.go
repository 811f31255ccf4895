package cores

import (
	"fmt"
	"os"
	"time"
)

// setSlack says how much later than asked for the threads of the process may
// be woken by timers (prctl(2), PR_SET_TIMERSLACK; proc(5), timerslack_ns).
// The Go runtime's monitor sleeps 20 µs at a time while anything runs: rounded
// up, it costs a tenth of what a node on a slow link does in all. Threads that
// are made later inherit it. Where it can not be set all stays as it was.
func setSlack(slack time.Duration) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		// A thread may have ended since.
		_ = os.WriteFile(fmt.Sprintf("/proc/%s/timerslack_ns", thread.Name()), fmt.Append(nil, slack.Nanoseconds()), 0)
	}
}
