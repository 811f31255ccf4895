// Package cores has a process make do with one core while one is enough.
//
// A Go program on a slow link is woken for every few packets, does little and
// sleeps again. With several cores to run on, each time it also wakes further
// threads to look for work that is not there. On one core it does not: with 33
// nodes of a mesh on a machine of two cores that is a seventh of all processor
// time. A process that has more to do gets all cores back within a blink.
package cores

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// lookOften and lookSeldom are how often the process's use is looked at: often while it is on
	// one core, for then it may be held up.
	lookOften  = 200 * time.Millisecond
	lookSeldom = 2 * time.Second
	// busy and idle are shares of one core: from when on one is not enough,
	// and when it is again.
	busy = 0.6
	idle = 0.3
	// garbage is how much a small heap may grow between two collections, in
	// per cent: memory is cheap at these sizes, woken threads are not.
	garbage = 400
	// Timers may be late by so much: 50 µs is the kernel's default.
	usualSlack = 50 * time.Microsecond
	spareSlack = time.Millisecond
)

// Spare keeps the process on one core while that is enough, from its start
// until end is called; then everything is as it was. On systems that do not
// tell what a process uses it does nothing.
func Spare() (end func()) {
	all := runtime.GOMAXPROCS(0)
	used, ok := usage()
	if !ok || all == 1 {
		return func() {}
	}
	percent := debug.SetGCPercent(garbage)
	limit(1, spareSlack)
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { watch(ctx, all, used) })
	return func() {
		stop()
		watching.Wait()
		limit(all, usualSlack)
		debug.SetGCPercent(percent)
	}
}

// watch gives the process all cores when it needs them, and takes them when it
// does not.
func watch(ctx context.Context, all int, used time.Duration) {
	one, since := true, time.Now()
	for {
		pause := lookSeldom
		if one {
			pause = lookOften
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		now, _ := usage()
		share := float64(now-used) / float64(time.Since(since))
		used, since = now, time.Now()
		want := enough(one, share)
		switch {
		case want == one:
		case want:
			limit(1, spareSlack)
		default:
			limit(all, usualSlack)
		}
		one = want
	}
}

func limit(cores int, slack time.Duration) {
	runtime.GOMAXPROCS(cores)
	setSlack(slack)
}

// enough tells whether one core will do, for a process that used that share of
// one core.
func enough(one bool, share float64) bool {
	if one {
		return share < busy
	}
	return share < idle
}
