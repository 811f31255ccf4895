package fetch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/peer"
)

// Sharer shares files and folders where they are.
type Sharer struct {
	node      *Node
	out       Output
	cache     *store.Cache // nil: every file is hashed anew
	roots     []*os.Root
	shelved   []*shelved
	published map[content.ID]bool
}

// NewSharer returns a Sharer that shares by means of node.
func NewSharer(node *Node, cache *store.Cache, out Output) *Sharer {
	return &Sharer{node: node, out: out, cache: cache, published: map[content.ID]bool{}}
}

// Close ends the sharing in good order; the node must still run. ctx ends when
// the user wants it to stop.
func (s *Sharer) Close(ctx context.Context) {
	settle(ctx, s.node, s.out)
	for _, root := range s.roots {
		root.Close()
	}
}

// Shared is a file or folder that is shared; programs are told of it as it is.
type Shared struct {
	Name       string `json:"name"`
	Ticket     string `json:"ticket"`
	ID         string `json:"id"`
	Size       int64  `json:"size"`
	Collection bool   `json:"collection"`
	Files      int    `json:"files"`

	Left load.LeftOut `json:"-"` // of a folder, what is not shared
}

// Share publishes the file or folder at path.
func (s *Sharer) Share(ctx context.Context, path string) (Shared, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Shared{}, fileerr.Named(path, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return Shared{}, fileerr.Named(path, err)
	}
	name, err := shareName(path)
	if err != nil {
		return Shared{}, err
	}
	if info.IsDir() {
		return s.folder(ctx, name, real)
	}
	return s.file(ctx, name, real, info)
}

// shareName is what others call the share at path.
func shareName(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fileerr.Named(path, err)
	}
	name := filepath.Base(abs)
	if err := content.CheckPath(name); err != nil {
		return "", fault.Wrapf(fault.Invalid, "%s cannot be shared under that name: %w", path, err)
	}
	return name, nil
}

// file publishes one file.
func (s *Sharer) file(ctx context.Context, name, real string, info fs.FileInfo) (Shared, error) {
	root, err := s.root(filepath.Dir(real))
	if err != nil {
		return Shared{}, err
	}
	list, err := hashFile(ctx, s.out, name, real, info.Size(), s.cache)
	if err != nil {
		return Shared{}, err
	}
	ticket, err := s.publish(name, newShelved(root, filepath.Base(real), list, store.StampOf(info)))
	if err != nil {
		return Shared{}, err
	}
	return Shared{Name: name, Ticket: ticket.String(), ID: list.ID().String(), Size: list.Size(), Files: 1}, nil
}

func (s *Sharer) root(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileerr.Named(dir, err)
	}
	s.roots = append(s.roots, root)
	return root, nil
}

// publish shares one file, unless another with the same content is shared.
func (s *Sharer) publish(name string, file *shelved) (peer.Ticket, error) {
	list := file.List()
	s.shelved = append(s.shelved, file)
	if s.published[list.ID()] {
		return s.node.Ticket(name, list, false), nil
	}
	s.published[list.ID()] = true
	return s.node.Publish(name, file, false)
}

// folder publishes all files in a folder, and the manifest that names them.
func (s *Sharer) folder(ctx context.Context, name, dir string) (Shared, error) {
	root, err := s.root(dir)
	if err != nil {
		return Shared{}, err
	}
	files, _, left, err := ListFolder(ctx, dir)
	if err != nil {
		return Shared{}, err
	}
	files, err = s.files(ctx, root, dir, files, &left)
	if err != nil {
		return Shared{}, err
	}
	total := int64(0)
	for _, f := range files {
		total += f.Size
	}
	ticket, err := s.manifest(ctx, name, files)
	if err != nil {
		return Shared{}, err
	}
	return Shared{
		Name: name, Ticket: ticket.String(), ID: ticket.ID.String(), Size: total, Collection: true, Files: len(files), Left: left,
	}, nil
}

// files hashes and publishes the files of a folder, and returns those that it
// could; the others are added to left.
func (s *Sharer) files(ctx context.Context, root *os.Root, dir string, files []content.Entry, left *load.LeftOut) (shared []content.Entry, err error) {
	total := int64(0)
	for _, f := range files {
		total += f.Size
	}
	bar := s.out.Bar("hash "+readable.Text(filepath.Base(dir)), 0, total)
	defer func() { bar.Finish(err) }()
	for _, entry := range files {
		err := s.fileOf(ctx, root, dir, &entry, bar)
		var failed failures
		if err := failed.take(err); err != nil {
			return nil, err
		}
		if failed.count() > 0 {
			left.Add(entry.Path, err)
		} else {
			shared = append(shared, entry)
		}
	}
	return shared, nil
}

// fileOf hashes and publishes one file of a folder.
func (s *Sharer) fileOf(ctx context.Context, root *os.Root, dir string, entry *content.Entry, bar Bar) error {
	info, err := root.Lstat(filepath.FromSlash(entry.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Wrapf(fault.NotFound, "it has gone")
	}
	if err != nil {
		return fileerr.Named(filepath.Join(dir, entry.Path), err)
	}
	list, err := store.HashFile(ctx, filepath.Join(dir, filepath.FromSlash(entry.Path)), s.cache, bar.Add)
	if err != nil {
		return err
	}
	entry.ID, entry.Size, entry.List = list.ID(), list.Size(), list
	_, err = s.publish(entry.Path, newShelved(root, entry.Path, list, store.StampOf(info)))
	return err
}

// manifest publishes the list of a folder's files.
func (s *Sharer) manifest(ctx context.Context, name string, files []content.Entry) (peer.Ticket, error) {
	text, err := content.EncodeCollection(files)
	if err != nil {
		return peer.Ticket{}, err
	}
	file, err := inMemory(ctx, text)
	if err != nil {
		return peer.Ticket{}, err
	}
	ticket, err := s.node.Publish(name, file, true)
	if errors.Is(err, fault.Exists) { // the same folder, or one just like it
		return s.node.Ticket(name, file.List(), true), nil
	}
	return ticket, err
}

// Watch waits for ctx to end and meanwhile stops sharing files that change.
func (s *Sharer) Watch(ctx context.Context) error {
	pause := 2 * time.Second
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		began := time.Now()
		s.shelved = s.unchanged(ctx)
		if len(s.shelved) == 0 {
			return fault.Wrapf(fault.Changed, "all that was shared has changed or gone")
		}
		pause = max(2*time.Second, 20*time.Since(began)) // at most 5 % of the time
	}
}

// isOther reports whether err, of a look at a file, says that it is no longer
// what it was. A look that fails otherwise, without descriptors for example, says
// nothing of the file.
func isOther(err error) bool {
	for _, kind := range []error{fault.Changed, fault.NotFound, fault.Invalid, fault.Refused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// unchanged looks at all files and withdraws those that are no longer what
// they were.
func (s *Sharer) unchanged(ctx context.Context) []*shelved {
	kept := s.shelved[:0]
	for _, file := range s.shelved {
		err := file.check(ctx)
		if ctx.Err() != nil || !isOther(err) {
			kept = append(kept, file)
			continue
		}
		id := file.List().ID()
		s.node.Withdraw(id)
		s.out.Warn("no longer shared: %s", s.out.Words(err))
		s.out.Event("withdrawn", map[string]string{"name": file.name, "id": id.String(), "why": s.out.Words(err)})
	}
	return kept
}
