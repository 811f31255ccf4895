package peer

import (
	"maps"
	"slices"
	"sync"

	"starmesh/common/content"
)

// shelf is all files that a node shares or fetches.
type shelf struct {
	mu      sync.Mutex // guards the fields below
	swarms  map[content.ID]*swarm
	folders map[content.ID]int64 // of manifests: the size of all files
	topics  topic                // the last one that was given away
}

func newShelf() shelf {
	return shelf{swarms: map[content.ID]*swarm{}, folders: map[content.ID]int64{}}
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

// folder notes that a file is the manifest of a folder with so many bytes.
func (f *shelf) folder(id content.ID, total int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.folders[id] = total
}

// folderSize returns what all files of a folder have, in bytes.
func (f *shelf) folderSize(id content.ID) (total int64, folder bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	total, folder = f.folders[id]
	return total, folder
}
