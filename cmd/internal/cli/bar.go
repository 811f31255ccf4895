package cli

import (
	"sync/atomic"
	"time"

	"starmesh/common/readable"
)

// patience is how long something may take before a bar is worth showing.
const patience = 500 * time.Millisecond

// Bar shows how far one piece of work has come. Between Start and Finish a
// goroutine keeps it moving. Add and Set may be called from anywhere.
type Bar struct {
	out   *Output
	show  display
	title string
	kept  atomic.Int64
	after time.Duration
	total atomic.Int64
	done  atomic.Int64
	files atomic.Int64
	all   atomic.Int64 // files

	begin time.Time
	stop  chan struct{}
	ended chan struct{}
}

// Bar prepares a bar for total bytes of work, -1 when that is not known.
// Nothing is shown before Start, nor if the work ends within half a second.
func (o *Output) Bar(title string, total int64) *Bar {
	b := &Bar{out: o, title: readable.Text(title)}
	b.total.Store(total)
	switch o.mode {
	case Terminal:
		b.show = &terminal{w: o.err}
	case Plain:
		b.show = &plain{w: o.err}
	case JSON:
		b.show = &events{w: o.out}
	default:
		b.show = nothing{}
	}
	return b
}

// Kept tells that some bytes of the total were there already: they are done, and
// no part of the rate.
func (b *Bar) Kept(bytes int64) { b.kept.Add(bytes) }

// Then tells, before Start, for how long other work is expected to go on after
// this: how much time is left in all is told too.
func (b *Bar) Then(after time.Duration) { b.after = after }

// Add counts n more bytes done.
func (b *Bar) Add(n int64) { b.done.Add(n) }

// Set says how many bytes are done, without those that were kept.
func (b *Bar) Set(n int64) { b.done.Store(n) }

// Total corrects how many bytes there are to do.
func (b *Bar) Total(bytes int64) { b.total.Store(bytes) }

// Files says how many files of how many are done, where the work is on many.
func (b *Bar) Files(done, all int) {
	b.files.Store(int64(done))
	b.all.Store(int64(all))
}

// Start begins to show b; Finish must follow.
func (b *Bar) Start() {
	b.begin = time.Now()
	b.stop = make(chan struct{})
	b.ended = make(chan struct{})
	go b.run()
}

// Finish takes b off the screen; when it returns nothing more is written. err
// says whether the work was done.
func (b *Bar) Finish(err error) {
	close(b.stop)
	<-b.ended
	if time.Since(b.begin) >= patience {
		b.out.mu.Lock()
		defer b.out.mu.Unlock()
		b.show.end(b.progress(), err)
	}
}

// Drop is Finish without a last word: the caller tells itself how the work went.
func (b *Bar) Drop() {
	close(b.stop)
	<-b.ended
	b.out.mu.Lock()
	defer b.out.mu.Unlock()
	b.show.clear()
}

func (b *Bar) run() {
	defer close(b.ended)
	defer b.out.follow(nil)
	wait := patience
	for {
		select {
		case <-b.stop:
			return
		case <-time.After(wait):
			b.out.follow(b)
			b.refresh()
			wait = b.show.interval()
		}
	}
}

func (b *Bar) refresh() {
	b.out.mu.Lock()
	defer b.out.mu.Unlock()
	b.show.update(b.progress())
}

// follow makes b the bar that is cleared before a line is printed.
func (o *Output) follow(b *Bar) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bar = b
}

// progress is how far a piece of work has come.
type progress struct {
	title   string
	done    int64 // bytes, with those that were there before
	total   int64 // bytes in all, -1 for not known
	kept    int64 // bytes that were there before
	files   int64 // that are done
	all     int64 // files, 0 for one
	elapsed time.Duration
	after   time.Duration // of what follows
}

func (b *Bar) progress() progress {
	kept := b.kept.Load()
	return progress{
		title: b.title, done: b.done.Load() + kept, total: b.total.Load(), kept: kept, files: b.files.Load(), all: b.all.Load(),
		elapsed: time.Since(b.begin), after: b.after,
	}
}
