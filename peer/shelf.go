package peer

import (
	"context"
	"maps"
	"slices"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// shelf is all files that a node shares or fetches.
type shelf struct {
	lending sync.Mutex // held while a file of a folder is made ready for others

	mu      sync.Mutex // guards the fields below
	swarms  map[content.ID]*swarm
	folders map[content.ID]*store.Tree // by manifest
	lent    []content.ID               // single files of them, the oldest first
	topics  topic                      // the last one that was given away
}

// maxLent is how many files of folders are shared as files of their own at a time.
const maxLent = 1000

func newShelf() shelf {
	return shelf{swarms: map[content.ID]*swarm{}, folders: map[content.ID]*store.Tree{}}
}

// add enters the swarm of a file, made with a topic of its own; it returns nil
// when there is one already.
func (f *shelf) add(id content.ID, make func(topic) *swarm) *swarm {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.swarms[id] != nil {
		return nil
	}
	f.topics++
	s := make(f.topics)
	f.swarms[id] = s
	return s
}

// remove takes a file off the shelf; it returns nil when it was not there.
func (f *shelf) remove(id content.ID) *swarm {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.swarms[id]
	delete(f.swarms, id)
	delete(f.folders, id)
	return s
}

// swarm returns that of a file; nil when it is not shared here.
func (f *shelf) swarm(id content.ID) *swarm {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.swarms[id]
}

func (f *shelf) all() []*swarm {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.swarms))
}

// addFolder notes whose manifest a file is.
func (f *shelf) addFolder(tree *store.Tree) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.folders[tree.Collection().Manifest()] = tree
}

// folder returns the folder with that manifest; nil when there is none.
func (f *shelf) folder(manifest content.ID) *store.Tree {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.folders[manifest]
}

// find returns the folder, and in it the entry, that has a file.
func (f *shelf) find(id content.ID) (tree *store.Tree, entry int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, tree := range f.folders {
		if entry, ok := tree.Collection().Find(id); ok {
			return tree, entry
		}
	}
	return nil, 0
}

// attributes returns what is known here of a file beside its content. It fails with
// fault.NotFound for one that is not here.
func (f *shelf) attributes(id content.ID) (content.Attributes, error) {
	if tree, entry := f.find(id); tree != nil {
		return tree.Collection().Entries()[entry].Attributes, nil
	}
	if s := f.swarm(id); s != nil {
		if one, ok := s.file.(oneFile); ok {
			return store.AttributesOf(one.File), nil
		}
	}
	return content.Attributes{}, fault.Wrapf(fault.NotFound, "%s is not shared here", id.Short())
}

// holds reports whether a file is in one of the folders.
func (f *shelf) holds(id content.ID) bool {
	tree, _ := f.find(id)
	return tree != nil
}

// lend returns the swarm of a file, which is made if the file is in a folder that
// is shared: there may be many, and hardly ever does anybody ask for one alone. It
// fails with fault.NotFound, as store.Tree.File does, and with ctx's error for who
// has gone before its turn came. What has begun goes on: the next to ask has it.
func (n *Node) lend(ctx context.Context, id content.ID) (*swarm, error) {
	n.shelf.lending.Lock()
	defer n.shelf.lending.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s := n.shelf.swarm(id); s != nil {
		return s, nil
	}
	tree, entry := n.shelf.find(id)
	if tree == nil {
		return nil, fault.Wrapf(fault.NotFound, "%s is not shared here", id.Short())
	}
	file, err := tree.File(n.life.ctx, entry)
	if err != nil {
		return nil, err
	}
	s, err := n.share(tree.Collection().Entries()[entry].Path, lentFile{oneFile{file}}, nil)
	if err != nil {
		return nil, err
	}
	if n.shelf.lent = append(n.shelf.lent, id); len(n.shelf.lent) > maxLent {
		n.Withdraw(n.shelf.lent[0])
		n.shelf.lent = n.shelf.lent[1:]
	}
	return s, nil
}
