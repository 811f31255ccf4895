// Package cores has a process make do with one core while one is enough. It is
// for experiments that run many nodes on few cores: only a node of the mesh that
// the lab holds (--hold) until all begin changes GOMAXPROCS, the garbage
// collector's percentage and the slack of its timers at run time. A node that a
// person runs is left as Go and the kernel make it.
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
	// The process's use is looked at often while it is on one core, for then it
	// may be held up, and seldom while it has all.
	oneCorePause  = 200 * time.Millisecond
	allCoresPause = 2 * time.Second
	// Shares of one core: from when on one is not enough, and when it is again.
	busyShare = 0.6
	idleShare = 0.3
	// gcPercent is how much a small heap may grow between two collections:
	// memory is cheap at these sizes, woken threads are not.
	gcPercent = 400
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
	percent := debug.SetGCPercent(gcPercent)
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
		pause := allCoresPause
		if one {
			pause = oneCorePause
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

// enough reports whether one core will do, for a process that used that share of
// one core.
func enough(one bool, share float64) bool {
	if one {
		return share < busyShare
	}
	return share < idleShare
}
