package store

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/dustin/go-humanize"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Look finds out what is there already, whatever brought it: files in their
// places, longer ones in the making, and files that have another name and a
// content that is wanted, which are copied. Nothing is believed: all is hashed.
// It is called once, before anything is written. It fails with fault.NoSpace when
// the rest has no room, as Options.Failed says, and with ctx's error.
func (t *Tree) Look(ctx context.Context) error {
	_, err := t.root.Lstat(path.Join(".", t.under))
	t.fresh = errors.Is(err, fs.ErrNotExist)
	if err := t.leaveOutClashes(); err != nil {
		return err
	}
	if err := onAllCores(ctx, len(t.files), t.lookAt); err != nil {
		return err
	}
	t.moveHomes()
	if err := t.lookElsewhere(ctx); err != nil {
		return err
	}
	need := int64(0)
	for i := range t.done.Len() {
		if !t.done.Has(i) {
			need += int64(t.c.ChunkLen(i))
		}
	}
	d, err := t.root.Open(".")
	if err != nil {
		return explain(err, ".")
	}
	defer d.Close()
	if free, known := freeSpace(d); known && need > free {
		return fault.Wrapf(fault.NoSpace, "the rest of the folder needs %s, %s free", humanize.IBytes(uint64(need)), humanize.IBytes(uint64(free)))
	}
	return nil
}

// leaveOutClashes fails the files whose names the disk takes for another's.
func (t *Tree) leaveOutClashes() error {
	var names []string
	for i, e := range t.c.Entries() {
		if within(t.opt.Only, e.Path) {
			names = append(names, t.name(i))
		}
	}
	failed := Clashes(t.root, names)
	if len(failed) == 0 {
		return nil
	}
	for i := range t.c.Entries() {
		if why := failed[t.name(i)]; why != nil {
			if err := t.fail(i, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveHomes gives content whose first file has no place here that of another file
// with the same content.
func (t *Tree) moveHomes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, e := range t.c.Entries() {
		first, _ := t.c.Find(e.ID)
		if t.files[first].is != amiss || t.files[i].is == amiss {
			continue
		}
		t.homes[first], t.files[first] = i, t.files[i]
		t.files[i].is = there // Finish has nothing to do for it
		t.judgeLocked(first)
	}
}

// onAllCores calls do for 0 … n-1, on all cores, until one fails.
func onAllCores(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for i := int(next.Add(1) - 1); i < n && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if err := do(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// lookAt finds out what is there of one entry.
func (t *Tree) lookAt(ctx context.Context, entry int) error {
	name := t.name(entry)
	if !t.wants(entry) {
		return nil
	}
	if !within(t.opt.Only, t.c.Entries()[entry].Path) {
		t.leaveOut(entry)
		return nil
	}
	if !Visible(name) { // no node of ours shares such a name: it might be meant for .ssh/authorized_keys
		return t.fail(entry, fault.Wrapf(fault.Refused, "%s would be hidden here", name))
	}
	n, err := namesOf(name)
	if err != nil {
		return t.fail(entry, err)
	}
	if t.fresh {
		return nil
	}
	if stamp, right := t.right(entry); right {
		if err := Tidy(t.root, name, t.c.Entries()[entry].ID); err != nil {
			return err
		}
		t.placed(entry, stamp, t.c.Entries()[entry].Size)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, err = t.root.Lstat(n.state)
	begun := err == nil
	taken, err := isTaken(t.root, name, name, t.opt.Force)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return t.fail(entry, err)
	case taken:
		return t.fail(entry, targetExists(name))
	case t.c.List(entry).Len() > 1 && (begun || t.opt.Force):
		return t.goOn(ctx, entry)
	}
	return nil
}

// Asked is how many bytes of piece i are asked for: see TreeOptions.Only. It is to
// be called after Look.
func (t *Tree) Asked(i int) (bytes int64) {
	for s := range t.c.Segments(i) {
		if within(t.opt.Only, t.home(s.Entry).Path) {
			bytes += int64(s.Len)
		}
	}
	return bytes
}

// leaveOut notes that a file is not wanted.
func (t *Tree) leaveOut(entry int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.files[entry].is = amiss
	t.judgeLocked(entry)
}

// right reports whether an entry's file is in its place and is what it is to be.
func (t *Tree) right(entry int) (Stamp, bool) {
	f, info, err := t.openFile(entry)
	if err != nil {
		return Stamp{}, false
	}
	defer f.Close()
	e := t.c.Entries()[entry]
	if info.Size() != e.Size {
		return Stamp{}, false
	}
	list, err := content.Hash(context.Background(), f, e.Size, t.opt.Progress)
	if err != nil || list.ID() != e.ID {
		return Stamp{}, false
	}
	now, err := f.Stat()
	return StampOf(info), err == nil && StampOf(now) == StampOf(info)
}

// goOn finds out what is held of a longer file in the making, or right of the one
// that is to be replaced.
func (t *Tree) goOn(ctx context.Context, entry int) error {
	var held content.Set
	err := t.parts.use(entry, func(p *Part) error {
		if t.opt.Force && p.Resumed() == 0 {
			if err := p.Reuse(ctx, content.ChunkList{}, t.opt.Progress); err != nil {
				return err
			}
		}
		held = p.Have()
		return nil
	})
	if err != nil {
		return t.fail(entry, err)
	}
	for i := range held.All() {
		if err := t.arrived(content.Segment{Entry: entry, Chunk: i}); err != nil {
			return err
		}
	}
	return nil
}

// lookElsewhere finds what is still wanted under other names in the folder.
func (t *Tree) lookElsewhere(ctx context.Context) error {
	lacking, known := map[int64]bool{}, map[string]bool{}
	for i, e := range t.c.Entries() {
		known[t.name(i)] = t.files[i].is == there
		lacking[e.Size] = lacking[e.Size] || t.files[i].is == wanted && e.Size > 0
	}
	dir := "."
	if t.under != "" {
		dir = path.Clean(t.under)
	}
	root, err := t.root.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err, dir)
	}
	defer root.Close()
	found, _, err := ListFolder(ctx, root)
	if err != nil {
		return err
	}
	return onAllCores(ctx, len(found), func(ctx context.Context, i int) error {
		name := t.under + found[i].Name
		if known[name] || !lacking[found[i].Size] {
			return nil
		}
		return t.adopt(ctx, name)
	})
}

// adopt takes over the file called name, if its content is wanted.
func (t *Tree) adopt(ctx context.Context, name string) error {
	f, err := t.root.Open(name)
	if err != nil {
		return nil // it need not be of use
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	list, err := content.Hash(ctx, f, info.Size(), t.opt.Progress)
	if err != nil {
		return ctx.Err()
	}
	if entry, ok := t.c.Find(list.ID()); ok && t.wants(entry) {
		return t.copy(ctx, entry, name)
	}
	return nil
}

func (t *Tree) wants(entry int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files[entry].is == wanted
}

// copy makes an entry's file of the one called from, which has the same content.
func (t *Tree) copy(ctx context.Context, entry int, from string) error {
	f, err := t.root.Open(from)
	if err != nil {
		return t.fail(entry, explain(err, from))
	}
	defer f.Close()
	list := t.c.List(entry)
	p := make([]byte, min(int64(list.ChunkSize()), list.Size()))
	for i := range list.Len() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := p[:list.ChunkLen(i)]
		s := content.Segment{Entry: entry, Chunk: i, Len: len(p)}
		if !t.lacks(s) {
			continue
		}
		if err := readChunk(f, from, list.Offset(i), p); err != nil {
			return t.fail(entry, err)
		}
		if err := list.Verify(i, p); err != nil {
			return t.fail(entry, fault.Wrapf(fault.Changed, "%s changed while it was copied: %w", from, err))
		}
		if err := t.put(s, p); err != nil {
			return err
		}
	}
	return nil
}

// Finish makes the files that no piece has: empty ones, and those whose content
// another file has as well. Then it makes the disk confirm all that was written.
// It is called when all pieces are done, and fails as WriteChunk does.
func (t *Tree) Finish(ctx context.Context) error {
	for i, e := range t.c.Entries() {
		if !t.wants(i) {
			continue
		}
		twin, _ := t.c.Find(e.ID)
		err := error(nil)
		switch {
		case e.Size == 0:
			err = t.put(content.Segment{Entry: i}, nil)
		case t.isThere(twin):
			err = t.copy(ctx, i, t.name(twin))
		default:
			err = t.fail(i, fault.Wrapf(fault.NotFound, "%s has the content of %s, which is not here", e.Path, t.c.Entries()[twin].Path))
		}
		if err != nil {
			return err
		}
	}
	return t.writer.Sync()
}

// Check looks whether all files are still what they were, and notes those that are
// not. Its error is ctx's.
func (t *Tree) Check(ctx context.Context) error {
	return onAllCores(ctx, len(t.files), func(ctx context.Context, entry int) error {
		t.mu.Lock()
		f := t.files[entry]
		t.mu.Unlock()
		if f.is != there {
			return nil
		}
		same := false
		err := t.inFolder(entry, func(dir *openFolder, base, _ string) error {
			info, err := dir.root.Lstat(base)
			same = err == nil && StampOf(info) == f.stamp
			return err
		})
		if same {
			return nil
		}
		if isScarcity(err) || isOutOfFiles(err) {
			return nil // nothing is known of it
		}
		if now, right := t.right(entry); right {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.files[entry].stamp = now
			return nil
		}
		return t.fail(entry, fault.Wrapf(fault.Changed, "%s has changed or gone since it was hashed", t.home(entry).Path))
	})
}
