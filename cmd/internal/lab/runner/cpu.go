package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/retry"
)

// How long a look at the processors takes, at first and while something runs.
const (
	glance = 500 * time.Millisecond
	second = time.Second
)

// ticks are what the processors have spent since the machine was started, in
// seconds of all cores.
type ticks struct{ busy, disk, all float64 }

// read asks the system. Time that a virtual machine wanted and did not get
// (steal) is busy: nobody could use it.
func read(ctx context.Context) (ticks, error) {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(all) == 0 {
		return ticks{}, fmt.Errorf("cannot tell how busy the processors are: %w", err)
	}
	t := all[0] // of all cores together; what guests use is in user already
	idle := t.Idle + t.Iowait
	busy := t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	return ticks{busy, t.Iowait, busy + idle}, nil
}

// since is the share of all cores that was busy between two readings; not ok
// if the clock of the system has not gone on.
func (t ticks) since(before ticks) (share float64, ok bool) {
	all := t.all - before.all
	if all <= 0 {
		return 0, false
	}
	return min(max((t.busy-before.busy)/all, 0), 1), true
}

// busyOver looks how busy the machine is for so long.
func busyOver(ctx context.Context, span time.Duration) (share float64, ok bool) {
	before, err := read(ctx)
	if err != nil {
		return 0, false
	}
	_ = retry.Wait(ctx, span) // less will do
	after, err := read(context.WithoutCancel(ctx))
	if err != nil {
		return 0, false
	}
	return after.since(before)
}

// WatchCPU looks how busy the machine is until ctx ends, and judges it. It is to
// run from the start of the receivers to the end of the last one. Where the
// system does not tell, Why says so.
func WatchCPU(ctx context.Context) labdir.CPU {
	asking := context.WithoutCancel(ctx)
	first, err := read(asking)
	if err != nil {
		return labdir.CPU{Why: "not known: " + err.Error()}
	}
	seconds := eachSecond(ctx, first)
	end, err := read(asking)
	if err != nil {
		return labdir.CPU{Why: "not known: " + err.Error()}
	}
	mean, ok := end.since(first)
	if !ok {
		return labdir.CPU{Why: "not known: it was over before the system had counted any time of its processors"}
	}
	c := JudgeCPU(mean, seconds)
	c.DiskShare = max(0, end.disk-first.disk) / (end.all - first.all)
	return c
}

// eachSecond returns the shares of the seconds from the first reading until ctx
// ends.
func eachSecond(ctx context.Context, first ticks) (seconds []float64) {
	clock := time.NewTicker(second)
	defer clock.Stop()
	for last := first; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-clock.C:
			now, err := read(context.WithoutCancel(ctx))
			if err != nil {
				continue // the next second is a longer one
			}
			if share, ok := now.since(last); ok {
				seconds, last = append(seconds, share), now
			}
		}
	}
	return seconds
}
