package store

import (
	"context"
	"iter"
	"path/filepath"
	"slices"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// WriteFile verifies p and makes it the file of an entry that has one chunk: it came
// alone, and not in a piece. It fails as WriteChunk does.
func (t *Tree) WriteFile(entry int, p []byte) error {
	if err := t.c.List(entry).Verify(0, p); err != nil {
		return err
	}
	one := &t.pieces[int(t.first[entry])%len(t.pieces)]
	one.Lock()
	defer one.Unlock()
	if s := (content.Segment{Entry: entry, Len: len(p)}); t.lacks(s) {
		return t.put(s, p)
	}
	return nil
}

// Lacking goes through the pieces that are not done, each with the entries that it
// is wanted for.
func (t *Tree) Lacking() iter.Seq2[int, []int] {
	done := t.Done()
	return func(yield func(int, []int) bool) {
		for i := range content.FullSet(done.Len()).Minus(done).All() {
			var entries []int
			for s := range t.c.Segments(i) {
				if t.lacks(s) {
					entries = append(entries, s.Entry)
				}
			}
			if !yield(i, entries) {
				return
			}
		}
	}
}

// GiveUp notes that an entry's file does not come: the others are finished without
// it. It fails as Options.Failed says.
func (t *Tree) GiveUp(entry int, why error) error { return t.fail(entry, why) }

// Gone reports whether not one of its files is there any more.
func (t *Tree) Gone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.files) > 0 && !slices.ContainsFunc(t.files, func(f treeFile) bool { return f.is == there })
}

// File returns an entry's file, if it is there, as a File of its own: with its own
// chunks, for which it is hashed unless the cache knows them, and not to be written
// to.
func (t *Tree) File(ctx context.Context, entry int) (File, error) {
	name := t.name(entry)
	if !t.isThere(entry) {
		return nil, fault.Wrapf(fault.NotFound, "%s is not here", name)
	}
	f, _, err := t.openFile(entry)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, err := filepath.Abs(filepath.Join(t.root.Name(), filepath.FromSlash(name)))
	if err != nil {
		return nil, explain(err, name)
	}
	h, err := hashOpen(ctx, f, at, t.opt.Cache, nil)
	if err == nil && h.list.ID() != t.c.Entries()[entry].ID {
		err = fault.Wrapf(fault.Changed, "%s has changed since it was hashed", name)
	}
	if err != nil {
		return nil, err
	}
	return NewShelved(t.root, name, h.list, StampOf(h.info)), nil
}
