package fetch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/retry"
	"starmesh/common/store"
	"starmesh/peer"
)

// Sharer shares files and folders where they are.
type Sharer struct {
	node      *Node
	out       Output
	cache     *store.Cache // nil: every file is hashed anew
	roots     []*os.Root
	shelved   []*store.Shelved
	trees     []*store.Tree
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
	for _, tree := range s.trees {
		_ = tree.Close()
	}
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
	ticket, err := s.publish(name, store.NewShelved(root, filepath.Base(real), list, store.StampOf(info)))
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
func (s *Sharer) publish(name string, file *store.Shelved) (peer.Ticket, error) {
	list := file.Chunks()
	s.shelved = append(s.shelved, file)
	if s.published[list.ID()] {
		return s.node.Ticket(name, list), nil
	}
	s.published[list.ID()] = true
	return s.node.Publish(name, file)
}

// folder publishes a folder as it is now.
func (s *Sharer) folder(ctx context.Context, name, dir string) (Shared, error) {
	root, err := s.root(dir)
	if err != nil {
		return Shared{}, err
	}
	files, total, left, err := ListFolder(ctx, dir)
	if err != nil {
		return Shared{}, err
	}
	bar := s.out.Bar("hash "+readable.Text(filepath.Base(dir)), 0, total)
	hashed, err := s.hashAll(ctx, root, dir, files, &left, bar)
	bar.Finish(err)
	if err != nil {
		return Shared{}, err
	}
	ticket, err := s.publishFolder(ctx, name, root, hashed)
	if err != nil {
		return Shared{}, err
	}
	tree := s.trees[len(s.trees)-1]
	return Shared{
		Name: name, Ticket: ticket.String(), ID: ticket.ID.String(), Size: tree.Collection().Total(), Collection: true,
		Files: len(hashed), Left: left,
	}, nil
}

// hashedFile is a file of a folder, and what it looked like when it was hashed.
type hashedFile struct {
	content.Entry
	stamp store.Stamp
}

// hashAll hashes the files of a folder, on all cores, and returns those that it
// could; the others are added to left.
func (s *Sharer) hashAll(ctx context.Context, root *os.Root, dir string, files []content.Entry, left *load.LeftOut, bar Bar) ([]hashedFile, error) {
	hashed, errs := make([]hashedFile, len(files)), make([]error, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, entry := range files {
		group.Go(func() error {
			hashed[i], errs[i] = s.hashOne(ctx, root, dir, entry, bar)
			var failed failures
			return failed.take(errs[i])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	good := hashed[:0]
	for i, err := range errs {
		if err != nil {
			left.Add(files[i].Path, err)
		} else {
			good = append(good, hashed[i])
		}
	}
	return good, nil
}

// hashOne hashes one file of a folder.
func (s *Sharer) hashOne(ctx context.Context, root *os.Root, dir string, entry content.Entry, bar Bar) (hashedFile, error) {
	info, err := root.Lstat(filepath.FromSlash(entry.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return hashedFile{}, fault.Wrapf(fault.NotFound, "it has gone")
	}
	if err != nil {
		return hashedFile{}, fileerr.Named(filepath.Join(dir, entry.Path), err)
	}
	list, err := store.HashFile(ctx, filepath.Join(dir, filepath.FromSlash(entry.Path)), s.cache, bar.Add)
	if err != nil {
		return hashedFile{}, err
	}
	entry.ID, entry.Size = list.ID(), list.Size()
	if list.Len() > 1 { // of the others the id is the list
		entry.List = list
	}
	return hashedFile{entry, store.StampOf(info)}, nil
}

// publishFolder publishes the files of a folder as one thing.
func (s *Sharer) publishFolder(ctx context.Context, name string, root *os.Root, files []hashedFile) (peer.Ticket, error) {
	entries, stamps := make([]content.Entry, len(files)), make(map[string]store.Stamp, len(files))
	for i, f := range files {
		entries[i], stamps[f.Path] = f.Entry, f.stamp
	}
	text, err := content.EncodeCollection(entries)
	if err != nil {
		return peer.Ticket{}, err
	}
	c, err := content.DecodeCollection(text)
	if err != nil {
		return peer.Ticket{}, err
	}
	tree := store.NewTree(root, "", c, store.TreeOptions{Cache: s.cache, Failed: func(e content.Entry, err error) error {
		s.withdrawn(e.Path, e.ID, err)
		return nil
	}})
	tree.Hold(func(e content.Entry) store.Stamp { return stamps[e.Path] })
	s.trees = append(s.trees, tree)
	manifest, err := inMemory(ctx, text)
	if err != nil {
		return peer.Ticket{}, err
	}
	ticket, err := s.node.PublishFolder(name, manifest, tree)
	if errors.Is(err, fault.Exists) { // the same folder, or one just like it
		return s.node.Ticket(name, manifest.Chunks()), nil
	}
	return ticket, err
}

// Watch waits for ctx to end and meanwhile stops sharing files that change.
func (s *Sharer) Watch(ctx context.Context) error {
	pause := 2 * time.Second
	for {
		if err := retry.Wait(ctx, pause); err != nil {
			return err
		}
		began := time.Now()
		s.shelved = s.unchanged(ctx)
		s.trees = slices.DeleteFunc(s.trees, func(t *store.Tree) bool {
			_ = t.Check(ctx) // it says itself what has changed
			return t.Gone()
		})
		if len(s.shelved)+len(s.trees) == 0 {
			return fault.Wrapf(fault.Changed, "all that was shared has changed or gone")
		}
		pause = max(2*time.Second, 20*time.Since(began)) // at most 5 % of the time
	}
}

// withdrawn tells that a file is shared no longer, and why.
func (s *Sharer) withdrawn(name string, id content.ID, why error) {
	s.out.Warn("no longer shared: %s", s.out.Words(why))
	s.out.Event("withdrawn", map[string]string{"name": name, "id": id.String(), "why": s.out.Words(why)})
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
func (s *Sharer) unchanged(ctx context.Context) []*store.Shelved {
	kept := s.shelved[:0]
	for _, file := range s.shelved {
		err := file.Check(ctx)
		if ctx.Err() != nil || !isOther(err) {
			kept = append(kept, file)
			continue
		}
		id := file.Chunks().ID()
		s.node.Withdraw(id)
		s.withdrawn(file.Name(), id, err)
	}
	return kept
}
