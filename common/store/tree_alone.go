package store

import (
	"iter"
	"slices"

	"starmesh/common/content"
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
