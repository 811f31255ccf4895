package store

import (
	"errors"
	"path"
	"slices"
	"sync"
	"time"

	"starmesh/common/content"
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
	list  content.ChunkList
	users int
}

// Open opens a file whose chunk list is known (Describe makes it so). All who
// have the same file open share one descriptor: see Held.OS. It fails with
// fault.NotFound, and when it was written to since it was hashed with fault.Busy
// while Run looks whether its content is another one, and fault.Changed without
// Run.
func (f *Folder) Open(name string) (*Held, error) {
	f.mu.Lock()
	r := f.index.records[name]
	if r == nil || r.entry.ID.IsZero() {
		f.mu.Unlock()
		return nil, fault.Wrapf(fault.NotFound, "%s is not there, or not hashed yet", name)
	}
	one := *r
	f.mu.Unlock()
	s, err := f.open.take(f, one)
	if errors.Is(err, fault.Changed) && f.suspect(name, one.stamp) {
		err = fault.Later(fault.Wrapf(fault.Busy, "%s was written to; it is hashed again", name), time.Second)
	}
	if err != nil {
		return nil, err
	}
	return &Held{list: s.list, shared: s.opened, give: func() error { return f.open.give(name, s) }}, nil
}

// take returns the share of the file of r, a copy, with one user more.
func (h *handles) take(f *Folder, r record) (*share, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.open[r.entry.Name]
	if s != nil && s.stamp == r.stamp && s.list.ID() == r.entry.ID {
		if err := s.changed(); err != nil {
			return nil, err
		}
		s.users++
		return s, nil
	}
	list, err := f.listOf(r)
	if err != nil {
		return nil, err
	}
	p, err := f.at()
	if err != nil {
		return nil, err
	}
	o, err := openStamped(p.root, p.real(r.entry.Name), r.stamp)
	if err != nil {
		return nil, err
	}
	if Scarce(o.f.Fd(), 1) {
		o.f.Close()
		return nil, scarce(r.entry.Name)
	}
	s = &share{opened: o, list: list, users: 1}
	if h.open == nil {
		h.open = map[string]*share{}
	}
	h.open[r.entry.Name] = s // one of an older stamp lives on with its users
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

// Small reads small files of a Folder, one after the other, for one goroutine:
// without opening each for others to share, and following the way there once. It
// is for a burst of them; what is asked for later deserves another.
type Small struct {
	folder *Folder
	last   lastFolder
}

// Small returns one that has nothing open yet.
func (f *Folder) Small() *Small { return &Small{folder: f} }

// Append appends to b the content of a file with that id. ok is false when there
// is none of at most limit bytes, or it cannot be read just so: Open says why.
func (s *Small) Append(b []byte, id content.ID, limit int64) (_ []byte, ok bool) {
	f := s.folder
	f.mu.Lock()
	var r record
	if names := f.index.byID[id]; len(names) > 0 {
		r = *f.index.records[names[0]]
	}
	f.mu.Unlock()
	if size := r.entry.Size; r.entry.ID.IsZero() || size == 0 || size > limit {
		return b, false
	}
	if s.last.place == nil {
		p, err := f.at()
		if err != nil {
			return b, false
		}
		s.last.place = p
	}
	name := s.last.place.real(r.entry.Name)
	dir, err := s.last.in(path.Dir(name))
	if err != nil {
		return b, false
	}
	from := len(b)
	b = slices.Grow(b, int(r.entry.Size))[:from+int(r.entry.Size)]
	if stamp, err := dir.read(path.Base(name), name, 0, b[from:]); err != nil || stamp != r.stamp {
		return b[:from], false
	}
	return b, true
}

// Close closes what is open.
func (s *Small) Close() {
	s.last.close()
	s.last.place = nil
}
