package store

import (
	"sync"

	"starmesh/common/fault"
)

// handles are the open files of a Folder, one for each file however many read
// it at the same time.
type handles struct {
	mu   sync.Mutex // guards what follows
	open map[string]*share
}

// share is an open file and the number of those who use it.
type share struct {
	*opened
	users int
}

// Open opens a file whose chunk list is known (Describe makes it so). All who
// have the same file open share one descriptor: see Held.OS. It fails with
// fault.NotFound, and fault.Changed when it was written to since it was hashed.
func (f *Folder) Open(name string) (*Held, error) {
	f.mu.Lock()
	r := f.index.records[name]
	if r == nil || r.entry.ID.IsZero() {
		f.mu.Unlock()
		return nil, fault.Wrapf(fault.NotFound, "%s is not there, or not hashed yet", name)
	}
	list, stamp := r.list, r.stamp
	f.mu.Unlock()
	s, err := f.open.take(f, name, stamp)
	if err != nil {
		return nil, err
	}
	return &Held{list: list, shared: s.opened, give: func() error { return f.open.give(name, s) }}, nil
}

func (h *handles) take(f *Folder, name string, stamp Stamp) (*share, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.open[name]
	if s != nil && s.stamp == stamp {
		if err := s.changed(); err != nil {
			return nil, err
		}
		s.users++
		return s, nil
	}
	o, err := openStamped(f.root, f.real(name), stamp)
	if err != nil {
		return nil, err
	}
	s = &share{opened: o, users: 1}
	if h.open == nil {
		h.open = map[string]*share{}
	}
	h.open[name] = s // one of an older stamp lives on with its users
	return s, nil
}

func (h *handles) give(name string, s *share) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	if h.open[name] == s {
		delete(h.open, name)
	}
	return s.f.Close()
}
