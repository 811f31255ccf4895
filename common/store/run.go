package store

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	// quiet is for how long a file must not have been written to before it is
	// hashed unasked: one that is still being copied here would be hashed
	// again and again.
	quiet = 300 * time.Millisecond
	// scanShare bounds scanning to one part of this many of the time: 5 %.
	scanShare = 20
	// largeFile is from which size in bytes on only one file is hashed at a
	// time, which keeps all cores busy and a disk reading in order; small ones
	// do not wait behind it.
	largeFile = 16 << 20
	// expectFor is how long a scan leaves a file to Finished.
	expectFor = 10 * time.Second
	// settleFor is how long a file that is being written to keeps it open
	// which ids there are; one that is written to for ever, such as a log, does
	// not for ever.
	settleFor = 10 * time.Second
	// retryTrouble is when to try again what could not be hashed.
	retryTrouble = time.Minute
)

// work is what a Folder is about to do. The Folder's lock guards it.
type work struct {
	jobs     map[string]*job
	small    []file               // to be hashed, in order
	large    []file               // the same
	more     *sync.Cond           // small or large has grown, or Run is to end
	unsaved  []string             // known, and not yet in the cache
	expected map[string]time.Time // files that Finished is about to tell of
	pending  int                  // files queued, or being hashed because they were
	scanned  bool                 // the first scan is over
	last     Scan
	passed   map[string]time.Time // files passed over because they are being written to, since when
	settled  time.Time            // when what they hold is no longer waited for
}

func (w *work) init(mu *sync.Mutex) {
	w.jobs = map[string]*job{}
	w.expected = map[string]time.Time{}
	w.more = sync.NewCond(mu)
}

// Run keeps the Folder up to date: it scans at once and then again and again,
// and hashes what is new or has changed. It returns nil when ctx ends, and all
// its goroutines have ended by then. It is to be called once.
func (f *Folder) Run(ctx context.Context) error {
	wake := context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.work.more.Broadcast()
	})
	defer wake()
	var group sync.WaitGroup
	group.Go(func() { f.hashQueue(ctx, &f.work.large) })
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() { f.hashQueue(ctx, &f.work.small) })
	}
	f.scanAll(ctx)
	group.Wait()
	f.rememberAll()
	return nil
}

// Ready returns nil when all of the Folder could be looked at the last time, and
// else why not.
func (f *Folder) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.work.last.Err == nil && !f.work.scanned {
		return fault.Wrapf(fault.Busy, "%s is not looked through yet", f.where.path)
	}
	return f.work.last.Err
}

func (f *Folder) scanAll(ctx context.Context) {
	for {
		start := time.Now()
		unquiet, err := f.scan(ctx)
		if err != nil {
			return
		}
		pause := f.cfg.Interval
		if unquiet {
			pause = min(pause, quiet)
		}
		pause = max(pause, scanShare*time.Since(start))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// scan looks through the tree once, and queues what is to be hashed; unquiet
// tells that files were passed over because they are being written to. The
// error is ctx's.
func (f *Folder) scan(ctx context.Context) (unquiet bool, err error) {
	f.mu.Lock()
	f.index.scan++
	f.mu.Unlock()
	p, err := f.follow()
	if err != nil {
		f.scanned(Scan{Err: err, LeftOut: f.lastScan().LeftOut})
		return false, ctx.Err()
	}
	w, err := f.scanTree(ctx, p)
	if err != nil {
		return false, err
	}
	todo, unquiet := f.merge(w, time.Now())
	for _, one := range todo {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		f.lookupOrQueue(p, one)
	}
	f.remember()
	f.scanned(Scan{Err: w.err(), LeftOut: w.out})
	f.tally.tell(f.cfg.Progress)
	return unquiet, nil
}

// lastScan is how the last scan went; the zero value while none is over.
func (f *Folder) lastScan() Scan {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.work.last
}

// scanned notes how a scan went, and tells of it if that is news.
func (f *Folder) scanned(now Scan) {
	f.mu.Lock()
	news := !now.same(f.work.last)
	f.work.last = now
	f.mu.Unlock()
	if news && f.cfg.OnScan != nil {
		f.cfg.OnScan(now)
	}
}

// mergeStep is for how many files the lock is held at once.
const mergeStep = 4096

// merge brings the index in line with a scan and returns what is to be hashed,
// by name.
func (f *Folder) merge(w *walk, now time.Time) (todo []file, unquiet bool) {
	passed := map[string]time.Time{}
	for some := range slices.Chunk(w.found, mergeStep) {
		f.mu.Lock()
		for _, one := range some {
			r, same := f.index.see(one)
			if r.entry.ID.IsZero() && r.fault.err != nil {
				w.out.add(one.name, r.fault.err)
			}
			switch {
			case !r.entry.ID.IsZero() || r.queued || now.Before(r.fault.until):
			case now.Sub(f.work.expected[one.name]) < expectFor:
				unquiet = true
			case !same && now.Sub(time.Unix(0, one.stamp.ModTime)) < quiet:
				unquiet = true
				passed[one.name] = now
			default:
				r.queued = true
				f.work.pending++
				todo = append(todo, one)
			}
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch.tell(f.index.sweep(w.unread))
	f.settle(passed)
	maps.DeleteFunc(f.work.expected, func(_ string, since time.Time) bool { return now.Sub(since) > expectFor })
	slices.SortFunc(todo, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return todo, unquiet
}

// settle notes that all names are known, and which files were passed over. mu is
// held.
func (f *Folder) settle(passed map[string]time.Time) {
	if !f.work.scanned {
		close(f.first)
	}
	f.work.scanned = true
	f.work.settled = time.Time{}
	for name := range passed {
		if since, before := f.work.passed[name]; before {
			passed[name] = since
		}
		if until := passed[name].Add(settleFor); until.After(f.work.settled) {
			f.work.settled = until
		}
	}
	f.work.passed = passed
}

// suspect has a file looked at again at once that was written to since it was
// hashed: its content may be the same (touch), so nobody is told anything yet.
// It reports whether that is so; without Run nobody would look.
func (f *Folder) suspect(name string, stamp Stamp) bool {
	_, info, err := f.look(name)
	f.mu.Lock()
	r := f.index.records[name]
	if err != nil || r == nil || !f.work.scanned || r.stamp != stamp {
		defer f.mu.Unlock()
		return err == nil && r != nil && f.work.scanned // somebody else saw it
	}
	f.index.unhash(r)
	queue := !r.queued
	if r.queued = true; queue {
		f.work.pending++
	}
	f.mu.Unlock()
	if queue {
		f.queue(fileOf(name, info))
	}
	return true
}

// lookupOrQueue finds a file's chunk list in the cache, or has it hashed.
func (f *Folder) lookupOrQueue(p *place, one file) {
	list, ok := f.cfg.Cache.Lookup(p.path(one.name), one.stamp)
	if ok {
		f.knowIfStill(one, list)
		f.dequeued(one, nil)
		return
	}
	f.queue(one)
}

// queue has a file hashed when its turn comes.
func (f *Folder) queue(one file) {
	f.tally.add(0, one.stamp.Size)
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := &f.work.small
	if one.stamp.Size >= largeFile {
		queue = &f.work.large
	}
	*queue = append(*queue, one)
	f.work.more.Broadcast()
}

// hashQueue hashes what is queued until ctx ends.
func (f *Folder) hashQueue(ctx context.Context, queue *[]file) {
	for one, ok := f.next(ctx, queue); ok; one, ok = f.next(ctx, queue) {
		f.hashOne(ctx, one)
	}
}

// next takes the first file of a queue, waiting for one.
func (f *Folder) next(ctx context.Context, queue *[]file) (one file, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(*queue) == 0 && ctx.Err() == nil {
		f.work.more.Wait()
	}
	if ctx.Err() != nil {
		return file{}, false
	}
	one, *queue = (*queue)[0], (*queue)[1:]
	return one, true
}

// hashOne hashes a queued file, unless it is known by now. A file that changes
// or vanishes meanwhile is left to the next scan; one that can not be read is
// told of by OnScan.
func (f *Folder) hashOne(ctx context.Context, one file) {
	counted := int64(0)
	progress := func(done, _ int64) {
		done = min(done, one.stamp.Size)
		f.tally.add(done-counted, 0)
		f.tally.tell(f.cfg.Progress)
		counted = done
	}
	_, _, ok, err := f.known(one.name)
	if !ok && err == nil {
		err = f.hash(ctx, one.name, progress)
	}
	f.dequeued(one, err)
	f.tally.add(one.stamp.Size-counted, 0)
	f.tally.tell(f.cfg.Progress)
}

// dequeued notes that a file is no longer waiting to be hashed, and why it
// could not be.
func (f *Folder) dequeued(one file, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.work.pending--
	r := f.index.records[one.name]
	if r == nil {
		return
	}
	r.queued = false
	if err != nil && !errors.Is(err, fault.Changed) && !errors.Is(err, context.Canceled) {
		r.fault = trouble{err: err, until: time.Now().Add(retryTrouble)}
	}
}

// knowIfStill notes the list of a file found by a scan, unless somebody knows
// better by now.
func (f *Folder) knowIfStill(one file, list content.ChunkList) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r := f.index.records[one.name]; r != nil && r.stamp == one.stamp && r.entry.ID.IsZero() {
		f.watch.tell(f.index.know(one, list))
		f.thrift(r)
	}
}

// rememberAll saves what was finished at the very end, too.
func (f *Folder) rememberAll() {
	f.remember()
	f.mu.Lock()
	rest := len(f.work.unsaved)
	f.mu.Unlock()
	if rest > 0 {
		time.Sleep(racy)
		f.remember()
	}
}

// tally counts the bytes to be hashed, and those that are.
type tally struct {
	mu            sync.Mutex
	hashed, total int64
}

func (t *tally) add(hashed, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hashed += hashed
	t.total += total
}

func (t *tally) tell(progress func(hashed, total int64)) {
	if progress == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	progress(t.hashed, t.total)
}
