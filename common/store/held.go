package store

import (
	"os"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// Held is a finished file, opened for reading. It is a File that holds
// everything and to which nothing can be written.
type Held struct {
	list   content.ChunkList
	shared *opened
	once   sync.Once
	give   func() error // takes back the share; called once
}

// opened is an open file that any number of Held may share.
type opened struct {
	f     *os.File
	name  string
	stamp Stamp
}

// OpenHeld opens the file called name (slash-separated, within root), whose
// chunks are those of list and which had this stamp when they were computed.
// It fails with fault.NotFound, fault.Changed when the file is another one
// now, and fault.Invalid for a link or what is no regular file.
func OpenHeld(root *os.Root, name string, list content.ChunkList, stamp Stamp) (*Held, error) {
	o, err := openStamped(root, name, stamp)
	if err != nil {
		return nil, err
	}
	return &Held{list: list, shared: o, give: o.f.Close}, nil
}

func openStamped(root *os.Root, name string, stamp Stamp) (*opened, error) {
	found, err := root.Lstat(name)
	if err != nil {
		return nil, explain(err, name)
	}
	if err := mustBeRegular(found, name); err != nil {
		return nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, explain(err, name)
	}
	o := &opened{f: f, name: name, stamp: stamp}
	err = o.changed()
	if info, staterr := f.Stat(); err == nil && (staterr != nil || !os.SameFile(found, info)) {
		err = fault.Wrapf(fault.Changed, "%s was replaced while it was opened", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return o, nil
}

// changed fails with fault.Changed when the file is no longer what it was.
func (o *opened) changed() error {
	info, err := o.f.Stat()
	if err != nil {
		return explain(err, o.name)
	}
	if now := StampOf(info); now != o.stamp || !info.Mode().IsRegular() {
		return fault.Wrapf(fault.Changed, "%s has changed since it was hashed", o.name)
	}
	return nil
}

// List is the file's chunk list.
func (h *Held) Chunks() content.ChunkList { return h.list }

// Have is the set of all chunks.
func (h *Held) Have() content.Set { return content.FullSet(h.list.Len()) }

// Grew returns a channel that is never closed: all is held.
func (h *Held) Grew() <-chan struct{} { return nil }

// OS returns the file, for sending chunks without copying them; valid until
// Close. It may be shared with others: use it only with calls that name an
// offset (ReadAt, sendfile with one), and do not close it.
func (h *Held) OS() *os.File { return h.shared.f }

// Changed fails with fault.Changed when the file was written to since it was
// hashed. A file that another took the place of, under the same name, has not
// changed: this one is still open.
func (h *Held) Changed() error { return h.shared.changed() }

// ReadChunk fills p with chunk i.
func (h *Held) ReadChunk(i int, p []byte) error {
	if err := checkRead(h.list, true, i, p); err != nil {
		return err
	}
	if err := readChunk(h.shared.f, h.shared.name, h.list.Offset(i), p); err != nil {
		return err
	}
	return h.Changed() // after the reading: what was changed before it shows as well
}

// WriteChunk fails with fault.ReadOnly, for a chunk as for anything else.
func (h *Held) WriteChunk(int, []byte) error {
	return fault.Wrapf(fault.ReadOnly, "%s is finished", h.shared.name)
}

// Close ends this use of the file; closing again does nothing.
func (h *Held) Close() error {
	var err error
	h.once.Do(func() { err = h.give() })
	return err
}
