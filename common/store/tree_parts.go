package store

import (
	"errors"
	"sync"
)

// maxParts is how many longer files of a Tree are open at a time while nobody
// reads or writes them; each has three descriptors.
const maxParts = 32

// parts are the longer files of a Tree in the making. However many have been
// begun, few are open.
type parts struct {
	tree *Tree

	mu   sync.Mutex // guards what follows
	open map[int]*openPart
}

type openPart struct {
	*Part
	users int
}

// errPlaced is why a file is not in the making: it has its place by now.
var errPlaced = errors.New("it has its place")

// use does something with an entry's Part, which is opened for it if need be.
func (ps *parts) use(entry int, do func(*Part) error) error {
	p, err := ps.take(entry)
	if err != nil {
		return err
	}
	defer ps.give(entry, p)
	return do(p.Part)
}

func (ps *parts) take(entry int) (*openPart, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.open[entry]
	if p == nil {
		if ps.tree.isThere(entry) {
			return nil, errPlaced
		}
		part, err := Create(ps.tree.root, ps.tree.name(entry), ps.tree.c.List(entry), ps.tree.options(entry))
		if err != nil {
			return nil, err
		}
		p = &openPart{Part: part}
		ps.open[entry] = p
	}
	p.users++
	return p, nil
}

func (t *Tree) isThere(entry int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.files[entry].is == there
}

// give ends a use. Of those that nobody uses the first that come are let go of
// when there are many: what was written stays, and is believed when the Part is
// opened again.
func (ps *parts) give(entry int, p *openPart) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p.users--; p.users == 0 && ps.open[entry] != p {
		p.letGo() // it was finished meanwhile
	}
	for other, o := range ps.open {
		if len(ps.open) <= maxParts {
			return
		}
		if o.users == 0 {
			o.letGo()
			delete(ps.open, other)
		}
	}
}

// finish gives an entry's file its place.
func (ps *parts) finish(entry int) (Stamp, error) {
	p, err := ps.take(entry)
	if err != nil {
		return Stamp{}, err
	}
	defer ps.give(entry, p)
	if err := p.Finish(); err != nil {
		return Stamp{}, err
	}
	info, err := p.OS().Stat()
	if err != nil {
		return Stamp{}, explain(err, ps.tree.name(entry))
	}
	ps.tree.writer.note(ps.tree.name(entry))
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.tree.mu.Lock()
	defer ps.tree.mu.Unlock()
	ps.tree.files[entry] = treeFile{stamp: StampOf(info), is: there} // before anybody could begin it anew
	delete(ps.open, entry)
	return StampOf(info), nil
}

func (ps *parts) close() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for entry, p := range ps.open {
		p.letGo()
		delete(ps.open, entry)
	}
}
