package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// maxManifest is the largest manifest taken, in bytes.
const maxManifest = 256 << 20

// Files returns what is in the folder that is sought by a ticket, as it can be
// sought by name; nothing if the ticket is of a file.
func (m *Mesh) Files(ctx context.Context, s Sought) ([]content.Entry, error) {
	if !s.ticket.Collection {
		return nil, nil
	}
	m.node.Meet(s.ticket.Peers...)
	folder := path.Base(s.ticket.Name)
	c, err := m.manifest(ctx, folder, s.id)
	if err != nil {
		return nil, err
	}
	entries := slices.Clone(c.Entries())
	for i := range entries {
		entries[i].Path = folder + "/" + entries[i].Path
	}
	return entries, nil
}

// folder fetches a folder, or what is below in it: its manifest first,
// then its contents.
func (m *Mesh) folder(ctx context.Context, name string, id content.ID, below string) error {
	name = path.Base(name)
	c, err := m.manifest(ctx, name, id)
	if err != nil {
		return err
	}
	f := &incoming{Mesh: m, name: name, below: below, c: c}
	for _, e := range c.Entries() {
		if e.Path == below || m.To.isStream() && len(c.Entries()) == 1 {
			return m.one(ctx, store.Entry{Name: path.Base(e.Path), ID: e.ID, Size: e.Size, Mode: fs.FileMode(e.Mode), ModTime: e.ModTime})
		}
		if below == "" || len(e.Path) > len(below) && e.Path[:len(below)+1] == below+"/" {
			f.files++
			f.size += e.Size
		}
	}
	if f.files == 0 && below != "" {
		return fault.Wrapf(fault.NotFound, "%s has no file or folder %s", readable.Text(name), readable.Text(below))
	}
	if err := m.To.expectFiles(f.files, false); err != nil {
		return err
	}
	return f.fetch(ctx)
}

// incoming is a folder that is being fetched.
type incoming struct {
	*Mesh
	name   string
	below  string
	c      *content.Collection
	files  int   // that are wanted
	size   int64 // of them
	bar    atomic.Pointer[Bar]
	placed atomic.Int64
	failed failures
}

func (f *incoming) fetch(ctx context.Context) error {
	began, under := time.Now(), f.name
	if f.below != "" {
		under = ""
	}
	looking := f.Out.Bar("look at what is there of "+readable.Text(f.name), 0, -1)
	tree := store.NewTree(f.To.root, under, f.c, store.TreeOptions{
		Force: f.Force, Only: f.below, Placed: f.isPlaced, Progress: looking.Add,
		Failed: func(e content.Entry, err error) error {
			return f.failed.take(fmt.Errorf("%s: %w", readable.Text(f.at(e)), err))
		},
	})
	f.cleanUp = append(f.cleanUp, func() { _ = tree.Close() }) // others are given of it until then
	err := tree.Look(ctx)
	looking.Finish(err)
	if err != nil {
		return err
	}
	kept, err := f.fill(ctx, tree)
	if err != nil {
		return fmt.Errorf("%s: %w", readable.Text(f.name), err)
	}
	took := time.Since(began)
	if err := f.failed.err(f.files); err != nil {
		return err
	}
	f.Out.Event(DoneEvent, doneEvent{
		Name: f.name, Path: f.To.path(under), ID: f.c.Manifest(), Size: f.size, Kept: kept, Seconds: took.Seconds(), Files: f.files,
	})
	f.Out.Note("%s  %s, %s in %s", readable.Text(f.name), units.Counted(f.files, "file"), units.Bytes(f.size), units.Duration(took))
	return nil
}

// fill brings what the tree lacks; kept bytes of what is asked for were there
// before. Each content counts once.
func (f *incoming) fill(ctx context.Context, tree *store.Tree) (kept int64, err error) {
	all, kept := int64(0), asked(tree)
	for i := range f.c.Len() {
		all += tree.Asked(i)
	}
	account := f.Meter.Transfer(f.c.Manifest().String(), f.name, all)
	account.Have(kept)
	account.ChunkMap(f.c.Len(), func() []byte { return tree.Done().Bytes() })
	defer func() { account.End(err) }()
	bar := f.Out.Bar("get "+readable.Text(f.name), kept, all-kept)
	f.bar.Store(&bar)
	f.count(0)
	defer func() { bar.Finish(err) }()
	b := &books{account: account, bar: bar, kept: kept, asked: tree.Asked}
	if err := f.few(ctx, tree); err != nil {
		return kept, err
	}
	b.add(asked(tree) - kept)
	contents := store.Entry{Name: f.name, ID: f.c.ID(), Size: f.c.Size()}
	if err := f.watched(ctx, contents, b, func(cfg transfer.Config) error {
		err := f.node.FetchFolder(ctx, f.name, tree, cfg)
		if errors.Is(err, fault.NoSource) && f.node.Reach(f.c.ID()).Nodes > 0 {
			return f.rest(ctx, tree)
		}
		return err
	}); err != nil {
		return kept, err
	}
	return kept, tree.Finish(ctx)
}

// asked is how many bytes of what is asked for are there.
func asked(tree *store.Tree) (bytes int64) {
	for i := range tree.Done().All() {
		bytes += tree.Asked(i)
	}
	return bytes
}

// at is the path at which a file gets its place.
func (f *incoming) at(e content.Entry) string {
	if f.below != "" {
		return f.To.path(relative(f.below, e.Path))
	}
	return f.To.path(path.Join(f.name, e.Path))
}

// isPlaced tells of a file that is whole and in its place.
func (f *incoming) isPlaced(e content.Entry, kept int64) {
	at := f.at(e)
	f.Out.Event(DoneEvent, doneEvent{Name: e.Path, Path: at, ID: e.ID, Size: e.Size, Kept: kept})
	if f.Out.Verbose() {
		f.Out.Note("%s", readable.Text(at))
	}
	f.count(1)
}

func (f *incoming) count(more int64) {
	done := f.placed.Add(more)
	if bar := f.bar.Load(); bar != nil {
		(*bar).Files(int(done), f.files)
	}
}

// manifest fetches the list of a folder's files, and shares it too.
func (m *Mesh) manifest(ctx context.Context, name string, id content.ID) (*content.Collection, error) {
	w := wish{entry: store.Entry{Name: name, ID: id}}
	list, err := m.Place.chunkList(ctx, m, w.entry, "")
	if err != nil {
		return nil, err
	}
	if list.Size() > maxManifest {
		return nil, fault.Wrapf(fault.TooLarge, "%s: its list of files has %s, more than %s",
			readable.Text(name), units.Bytes(list.Size()), units.Bytes(maxManifest))
	}
	w.entry.Size = list.Size()
	file := store.NewMemory(list)
	if err := m.fill(ctx, m, file, w.entry, 0, nil, func() error { return nil }); err != nil {
		return nil, fmt.Errorf("%s: %w", readable.Text(name), err)
	}
	text, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	c, err := content.DecodeCollection(text)
	switch {
	case errors.Is(err, fault.Version):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%s is no folder, or damaged: %w", readable.Text(name), err)
	}
	return c, nil
}
