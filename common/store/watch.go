package store

import (
	"strings"
	"sync"
)

// watchQueue is how many events wait for a slow watcher before they are lost.
const watchQueue = 1024

// watchers tells events to whoever watches, without ever waiting for one. The
// Folder's lock guards it, so that an event is told after the index shows it.
type watchers struct {
	all map[*watcher]bool
}

type watcher struct {
	prefix string
	events chan *Event // watchQueue events and room for one more: Lost
	lost   bool        // Lost is the last in events
}

// add begins to watch what lies at prefix.
func (w *watchers) add(prefix string) *watcher {
	if w.all == nil {
		w.all = map[*watcher]bool{}
	}
	one := &watcher{prefix: strings.TrimSuffix(prefix, "/"), events: make(chan *Event, watchQueue+1)}
	w.all[one] = true
	return one
}

func (w *watchers) remove(one *watcher) {
	delete(w.all, one)
	close(one.events)
}

func (w *watchers) tell(events []Event) {
	for _, e := range events {
		for one := range w.all {
			if within(one.prefix, e.Entry.Name) {
				one.tell(&e)
			}
		}
	}
}

// tell puts e in the queue. While Lost waits there, nothing follows it:
// whoever reads Lost lists again, and that shows all that was left out.
func (one *watcher) tell(e *Event) {
	if one.lost && len(one.events) > 0 {
		return
	}
	one.lost = len(one.events) >= watchQueue
	if one.lost {
		e = &Event{Kind: Lost}
	}
	one.events <- e // never waits: only the holder of the Folder's lock sends
}

// Watch returns the changes of what lies at prefix ("": everything) from now on;
// list after calling it, to miss nothing. A watcher that does not keep up gets
// an event of the kind Lost and must list again. stop ends it and closes
// events; it must be called, and may be more than once. The events are for
// reading only: others may have the same ones.
func (f *Folder) Watch(prefix string) (events <-chan *Event, stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.watch.add(prefix)
	return one.events, sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watch.remove(one)
	})
}
