package cli

import (
	"context"
	"sync"
)

// Rounds shows a bar for each round of work that is done from time to time.
type Rounds struct {
	out   *Output
	title string

	mu      sync.Mutex // guards the fields below
	bar     *Bar       // nil: nothing is done now
	stopped bool
}

// Rounds prepares the bars of work that is called title.
func (o *Output) Rounds(title string) *Rounds { return &Rounds{out: o, title: title} }

// Progress tells how far a round has come; it may be called from several goroutines.
func (r *Rounds) Progress(done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bar == nil {
		if r.stopped || done >= total {
			return
		}
		r.bar = r.out.Bar(r.title, total)
		r.bar.Start()
	}
	r.bar.Total(total)
	r.bar.Set(done)
	if done >= total {
		r.finishLocked(nil)
	}
}

// Stop takes the bar away for good.
func (r *Rounds) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.finishLocked(context.Canceled)
}

func (r *Rounds) finishLocked(err error) {
	if r.bar != nil {
		r.bar.Finish(err)
		r.bar = nil
	}
}
