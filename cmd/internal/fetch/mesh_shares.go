package fetch

import (
	"context"
	"errors"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// maxFetched bounds the files with which a node has to do because it fetched
// them. Each counts at every other node, which bears some thousands of them;
// what is merely shared counts only where somebody wants it.
const maxFetched = 1000

// shares are the files that a getting node shares, by content.
type shares struct {
	mesh *Node

	mu      sync.Mutex // guards the fields below
	files   map[content.ID]*shareOf
	fetched []content.ID // the oldest first
}

// shareOf is one file that is shared, or is going to be.
type shareOf struct {
	name  string
	file  store.File
	ready chan struct{} // closed when the file is whole, or given up
}

func newShares(mesh *Node) *shares {
	return &shares{mesh: mesh, files: map[content.ID]*shareOf{}}
}

// begin reports whether the file is the caller's to fetch; then end must follow.
// Otherwise it waits for whoever fetches the same, and gives that file.
func (s *shares) begin(ctx context.Context, id content.ID) (twin store.File, mine bool, err error) {
	for {
		s.mu.Lock()
		other := s.files[id]
		if other == nil {
			s.files[id] = &shareOf{ready: make(chan struct{})}
			s.mu.Unlock()
			return nil, true, nil
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-other.ready:
		}
		if other.file != nil {
			return other.file, false, nil
		}
	}
}

// end notes how a fetch ended. What failed is not shared any longer.
func (s *shares) end(entry store.Entry, file store.File, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	share := s.files[entry.ID]
	defer close(share.ready)
	if err != nil {
		s.mesh.Withdraw(entry.ID)
		delete(s.files, entry.ID)
		return
	}
	share.name, share.file = entry.Name, file
	if s.fetched = append(s.fetched, entry.ID); len(s.fetched) > maxFetched {
		s.renewLocked(s.fetched[0])
		s.fetched = s.fetched[1:]
	}
}

// renewLocked shares a file as if it had been there from the start.
func (s *shares) renewLocked(id content.ID) {
	share := s.files[id]
	s.mesh.Withdraw(id)
	if _, err := s.mesh.Publish(share.name, share.file, false); err != nil {
		delete(s.files, id) // others have it
	}
}

// publish shares a file that was here already.
func (s *shares) publish(name string, file store.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := file.List().ID()
	if s.files[id] != nil {
		return nil
	}
	if _, err := s.mesh.Publish(name, file, false); err != nil && !errors.Is(err, fault.Exists) {
		return err
	}
	share := &shareOf{name: name, file: file, ready: make(chan struct{})}
	close(share.ready)
	s.files[id] = share
	return nil
}
