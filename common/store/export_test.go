package store

import (
	"context"
	"os"
	"runtime"
	"time"

	"starmesh/common/content"
)

// Kill leaves a Part as kill -9 does: what is open is closed, and no more.
func (p *Part) Kill() { p.closeFiles() }

// Open opens the file as it was when it was last known to be right.
func (f *Shelved) Open() (*Held, error) { return f.open() }

// FinishSteps does the first n steps of Finish, and returns how many there are.
func (p *Part) FinishSteps(n int) (all int, err error) {
	p.busy.Lock()
	defer p.busy.Unlock()
	steps := p.finishing()
	for _, step := range steps[:min(n, len(steps))] {
		if err := step(); err != nil {
			return len(steps), err
		}
	}
	return len(steps), nil
}

// SyncEvery sets after how many bytes the disk is made to confirm.
func (p *Part) SyncEvery(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.every = bytes
}

// BreakDisk lets every further sync fail.
func (p *Part) BreakDisk() {
	p.busy.Lock()
	defer p.busy.Unlock()
	r, w, _ := os.Pipe() // can be written to, at no offset, and not synced
	r.Close()
	p.files.data.Close()
	p.files.data = w
}

// EncodeState is the state that a process leaves which is killed right after
// it was made.
func EncodeState(list content.ChunkList, doubt bool) []byte { return encodeState(list, doubt) }

// Where a state has its changing parts.
const (
	AtBoot = atBoot
	AtList = atList
)

// WrittenAt and SyncedAt are where the bitmaps begin.
func WrittenAt(list content.ChunkList) int64 { return writtenAt(list) }
func SyncedAt(list content.ChunkList) int64  { return syncedAt(list) }

// HasBootID reports whether this system knows when it was started.
func HasBootID() bool { return bootID() != "" }

// DecodeState is for fuzzing.
func DecodeState(b []byte) (content.ChunkList, error) {
	s, err := decodeState(readerAt(b), int64(len(b)))
	return s.list, err
}

// DecodeCached is for fuzzing.
func DecodeCached(b []byte, key [32]byte, stamp Stamp) (content.ChunkList, error) {
	return decodeCached(b, key, stamp)
}

type readerAt []byte

func (r readerAt) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(r)) {
		return 0, os.ErrInvalid
	}
	return copy(p, r[at:]), nil
}

// WalkMost is the scan of a tree with another bound on its files.
func WalkMost(ctx context.Context, f *Folder, max int) (names []string, left LeftOut, err error) {
	p, err := f.follow()
	if err != nil {
		return nil, left, err
	}
	w := walk{root: p.root, max: max}
	err = w.folder(ctx, ".")
	for _, one := range w.found {
		names = append(names, one.name)
	}
	return names, w.out, err
}

// CountJobs returns how many hashings of a file were begun during what.
func CountJobs(f *Folder, name string, what func()) int {
	seen := map[*job]bool{}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			f.mu.Lock()
			if j := f.work.jobs[name]; j != nil {
				seen[j] = true
			}
			f.mu.Unlock()
			select {
			case <-stop:
				return
			default:
				runtime.Gosched()
			}
		}
	}()
	what()
	close(stop)
	<-done
	return len(seen)
}

// ScanAt scans as if it was another time, and hashes nothing.
func ScanAt(ctx context.Context, f *Folder, now time.Time) (queued int, unquiet bool) {
	f.mu.Lock()
	f.index.scan++
	f.mu.Unlock()
	p, err := f.follow()
	if err != nil {
		return 0, false
	}
	w, err := f.scanTree(ctx, p)
	if err != nil {
		return 0, false
	}
	todo, unquiet := f.merge(w, now)
	return len(todo), unquiet
}

// KeepLists sets how many bytes of chunk lists stay in memory.
func KeepLists(f *Folder, bytes int64) { f.keep = bytes }

// KeptLists is how many bytes of chunk lists are in memory.
func KeptLists(f *Folder) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index.kept
}

// LastScan says how the last scan went.
func LastScan(f *Folder) Scan { return f.lastScan() }
