package peer

import (
	"context"
	"sync"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// receiver is a node that fetches a file.
type receiver struct {
	testNode
	got *store.Memory
}

// crowd has count nodes fetch file from the one at origin; end stops them.
func crowd(t *testing.T, count int, file *store.Memory, origin testNode, change func(*Config)) (all []receiver, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range count {
		r := receiver{startNode(t, change), store.NewMemory(file.Chunks())}
		r.Meet(origin.host.Where())
		group.Go(func() { _ = r.Fetch(ctx, "file", r.got, transfer.Config{RetryFor: forEver}) }) // it is stopped, or looked at
		all = append(all, r)
	}
	return all, func() {
		cancel()
		group.Wait()
	}
}

// between is what receivers hold between them.
func between(all []receiver) content.Set {
	held := all[0].got.Have()
	for _, r := range all[1:] {
		held = held.Union(r.got.Have())
	}
	return held
}

// settled waits until every receiver has all that exists, and knows what does
// not: no more is missing than has gone with the origin.
func settled(t *testing.T, all []receiver) {
	t.Helper()
	waitFor(t, func() bool {
		held := between(all)
		gone := held.Len() - held.Count()
		for _, r := range all {
			if now := r.Reach(r.got.Chunks().ID()); now.Missing != gone || now.Nowhere != gone {
				return false
			}
		}
		return true
	})
}

func TestAnOriginThatDiesEarlyIsMissedExactlyAndCanBeReplaced(t *testing.T) {
	t.Parallel()
	file := makeFile(t, 60*chunk)
	slow := func(c *Config) { c.Limits = limitUp(1 << 20) }
	origin := startNode(t, slow)
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	all, end := crowd(t, 3, file, origin, slow)
	defer end()
	waitFor(t, func() bool { return between(all).Count() >= 20 })
	origin.stop()
	settled(t, all)
	if between(all).Full() {
		t.Fatal("the origin lived too long for this test")
	}

	another := startNode(t, slow)
	if _, err := another.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	another.Meet(all[0].host.Where()) // whoever brings it back knows one, and is told of the rest
	for _, r := range all {
		waitFor(t, func() bool { return r.got.Have().Full() })
		same(t, r.got, file)
	}
}

func TestAnOriginThatDiesAfterOneCopyIsNotMissed(t *testing.T) {
	t.Parallel()
	file := makeFile(t, 100*chunk)
	origin := startNode(t, func(c *Config) { c.Limits = limitUp(8 << 20) })
	if _, err := origin.Publish("file", file); err != nil {
		t.Fatal(err)
	}
	all, end := crowd(t, 3, file, origin, func(c *Config) { c.Limits = limitUp(3 << 20) })
	defer end()
	waitFor(t, func() bool { return between(all).Full() })
	origin.stop()
	if sent := origin.meter.ChunksOut.Load(); sent > 2*100 {
		t.Errorf("the origin had to send %d chunks of 100", sent)
	}
	settled(t, all)
	for _, r := range all {
		same(t, r.got, file)
	}
}
