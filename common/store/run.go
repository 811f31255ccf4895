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
	left     LeftOut
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

// LeftOut says what the last scan could not take in.
func (f *Folder) LeftOut() LeftOut {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.work.left
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
	found, left, err := f.scanTree(ctx)
	if err != nil {
		return false, err
	}
	todo, unquiet := f.merge(found, left, time.Now())
	for _, one := range todo {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		f.lookupOrQueue(one)
	}
	f.remember()
	f.tally.tell(f.cfg.Progress)
	return unquiet, nil
}

// mergeStep is for how many files the lock is held at once.
const mergeStep = 4096

// merge brings the index in line with a scan and gives what is to be hashed,
// by name.
func (f *Folder) merge(found []file, left LeftOut, now time.Time) (todo []file, unquiet bool) {
	for some := range slices.Chunk(found, mergeStep) {
		f.mu.Lock()
		for _, one := range some {
			r, same := f.index.see(one)
			switch {
			case !r.entry.ID.IsZero() || r.queued:
			case r.fault.err != nil && now.Before(r.fault.until):
				left.add(one.name, r.fault.err)
			case now.Sub(f.work.expected[one.name]) < expectFor:
				unquiet = true
			case !same && now.Sub(time.Unix(0, one.stamp.ModTime)) < quiet:
				unquiet = true
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
	f.watch.tell(f.index.sweep())
	f.work.left, f.work.scanned = left, true
	maps.DeleteFunc(f.work.expected, func(_ string, since time.Time) bool { return now.Sub(since) > expectFor })
	slices.SortFunc(todo, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return todo, unquiet
}

// lookupOrQueue finds a file's chunk list in the cache, or has it hashed.
func (f *Folder) lookupOrQueue(one file) {
	list, ok := f.cfg.Cache.Lookup(f.path(one.name), one.stamp)
	if ok {
		f.knowIfStill(one, list)
		f.dequeued(one, nil)
		return
	}
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
// told of by LeftOut.
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
