package store

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	// describeTries is how often a file is hashed that changes meanwhile.
	describeTries = 3
	// progressEvery is how often whoever waits for a hash hears of it.
	progressEvery = 100 * time.Millisecond
)

// Describe returns the entry and chunk list of a file, hashing it first if it
// is new or has changed; callers who wait for the same file share the work,
// which ends with the last of them. progress (which may be nil) is called
// every 100 ms meanwhile, with bytes. It fails with fault.NotFound (hidden
// names are not there), fault.Invalid for a name that can not be,
// fault.Changed when the file does not stop changing, and ctx's error.
func (f *Folder) Describe(ctx context.Context, name string, progress func(done, total int64)) (Entry, content.ChunkList, error) {
	for try := 1; ; try++ {
		e, list, ok, err := f.known(name)
		if ok || err != nil {
			return e, list, err
		}
		if try > describeTries {
			return Entry{}, content.ChunkList{}, fault.Wrapf(fault.Changed, "%s changes faster than it can be hashed", name)
		}
		if err := f.hash(ctx, name, progress); err != nil && !errors.Is(err, fault.Changed) {
			return Entry{}, content.ChunkList{}, err
		}
	}
}

// known returns what is known of a file, if that is still true of it.
func (f *Folder) known(name string) (e Entry, list content.ChunkList, ok bool, err error) {
	_, info, err := f.look(name)
	if err != nil {
		if errors.Is(err, fault.NotFound) {
			f.forget(name)
		}
		return Entry{}, content.ChunkList{}, false, err
	}
	f.mu.Lock()
	r := f.index.records[name]
	if r == nil || r.entry.ID.IsZero() || r.stamp != StampOf(info) {
		f.mu.Unlock()
		return Entry{}, content.ChunkList{}, false, nil
	}
	r.entry.Mode = info.Mode().Perm()
	one := *r
	f.mu.Unlock()
	list, err = f.listOf(one)
	return one.entry, list, err == nil, nil
}

// job is the hashing of one file, for all who wait for it.
type job struct {
	cancel  context.CancelFunc
	done    chan struct{} // closed when err is set and the goroutine at its end
	err     error
	hashed  atomic.Int64
	total   atomic.Int64
	waiting int // guarded by the Folder's lock
}

// hash hashes a file and notes the result, or waits for another's doing so.
// When it returns the job has ended, or is waited for by others.
func (f *Folder) hash(ctx context.Context, name string, progress func(done, total int64)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := f.join(name)
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.done:
			return j.err
		case <-tick.C:
			if progress != nil {
				progress(j.hashed.Load(), j.total.Load())
			}
		case <-ctx.Done():
			f.leave(name, j)
			return ctx.Err()
		}
	}
}

// join takes part in the job of a file, which is begun if there is none.
func (f *Folder) join(name string) *job {
	f.mu.Lock()
	defer f.mu.Unlock()
	if j := f.work.jobs[name]; j != nil {
		j.waiting++
		return j
	}
	ctx, cancel := context.WithCancel(context.Background())
	j := &job{cancel: cancel, done: make(chan struct{}), waiting: 1}
	f.work.jobs[name] = j
	go func() {
		defer close(j.done)
		defer cancel()
		j.err = f.run(ctx, name, j)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.work.jobs[name] == j {
			delete(f.work.jobs, name)
		}
	}()
	return j
}

// leave gives up waiting; the last to do so ends the job, and sees its end.
func (f *Folder) leave(name string, j *job) {
	f.mu.Lock()
	j.waiting--
	last := j.waiting == 0
	if last && f.work.jobs[name] == j {
		delete(f.work.jobs, name) // nobody may join it any more
	}
	f.mu.Unlock()
	if last {
		j.cancel()
		<-j.done
	}
}

// run hashes a file and notes the result.
func (f *Folder) run(ctx context.Context, name string, j *job) error {
	p, info, err := f.look(name)
	if err != nil {
		return err
	}
	j.total.Store(info.Size())
	if err := waitOut(ctx, StampOf(info)); err != nil {
		return err
	}
	select { // however many files are asked for at once
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	open, err := p.root.Open(p.real(name))
	if err != nil {
		return served("read", err, name)
	}
	defer open.Close()
	h, err := hashOpen(ctx, open, p.path(name), f.cfg.Cache, func(n int64) { j.hashed.Add(n) })
	if err != nil {
		return err
	}
	_, now, err := f.look(name)
	if err == nil && (!os.SameFile(h.info, now) || StampOf(now) != StampOf(h.info)) {
		err = fault.Wrapf(fault.Changed, "%s changed while it was hashed", name)
	}
	if err == nil {
		f.know(fileOf(name, now), h.list, h.saved)
	}
	return err
}

// waitOut waits until a file that was just written to would show another write
// by its time.
func waitOut(ctx context.Context, stamp Stamp) error {
	if !isRacy(stamp, time.Now()) {
		return nil
	}
	select {
	case <-time.After(racy):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
