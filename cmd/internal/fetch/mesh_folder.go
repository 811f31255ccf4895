package fetch

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
)

const (
	// maxAtOnce is how many small files of a folder are fetched at a time: each
	// costs a few round trips before its bytes flow.
	maxAtOnce = 16
	// maxSmall is up to where a file is fetched beside others, in bytes.
	maxSmall = 4 << 20
	// maxManifest is the largest manifest taken, in bytes.
	maxManifest = 256 << 20
)

// Files returns what is in the folder that is sought by a ticket, as it can be
// sought by name; nothing if the ticket is of a file.
func (m *Mesh) Files(ctx context.Context, s Sought) ([]content.Entry, error) {
	if !s.ticket.Collection {
		return nil, nil
	}
	m.node.Meet(s.ticket.Peers...)
	folder := path.Base(s.ticket.Name)
	entries, err := m.manifest(ctx, folder, s.id)
	for i := range entries {
		entries[i].Path = folder + "/" + entries[i].Path
	}
	return entries, err
}

// folder fetches a folder, or what is below in it: its manifest first, then its
// files.
func (m *Mesh) folder(ctx context.Context, name string, id content.ID, below string) error {
	name = path.Base(name)
	entries, err := m.manifest(ctx, name, id)
	if err != nil {
		return err
	}
	var wishes []wish
	total := int64(0)
	for _, e := range entries {
		if below != "" && e.Path != below && !strings.HasPrefix(e.Path, below+"/") {
			continue
		}
		if !store.Visible(e.Path) {
			// No node of ours shares such a name: it might be meant for a place
			// like .ssh/authorized_keys.
			m.Out.Warn("%s has the hidden file %s; left out", readable.Text(name), readable.Text(e.Path))
			continue
		}
		wishes = append(wishes, newFolderWish(name, below, e))
		total += e.Size
	}
	if below != "" && len(wishes) == 0 {
		return fault.Wrapf(fault.NotFound, "%s has no file or folder %s", readable.Text(name), readable.Text(below))
	}
	if err := m.To.expect(wishes); err != nil {
		return err
	}
	if m.To.isStream() {
		return m.toStdout(ctx, wishes[0])
	}
	began := time.Now()
	bar := m.Out.Bar("get "+readable.Text(name), 0, total)
	var failed failures
	err = cmp.Or(m.all(ctx, wishes, bar, &failed), failed.err(len(wishes)))
	bar.Finish(err)
	if err == nil {
		m.Out.Note("%s  %s, %s in %s", readable.Text(name), units.Counted(len(wishes), "file"), units.Bytes(total), units.Duration(time.Since(began)))
	}
	return err
}

func newFolderWish(folder, below string, e content.Entry) wish {
	return wish{
		entry: store.Entry{Name: e.Path, ID: e.ID, Size: e.Size, Mode: fs.FileMode(e.Mode), ModTime: e.ModTime},
		as:    relative(path.Join(folder, below), path.Join(folder, e.Path)),
	}
}

// all fetches the files of a folder: small ones at the same time, large ones
// one after the other. One that fails does not keep the others from coming.
func (m *Mesh) all(ctx context.Context, wishes []wish, bar Bar, failed *failures) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAtOnce)
	var large sync.Mutex // held by the large file that is being fetched
	for _, w := range wishes {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if w.entry.Size > maxSmall {
				large.Lock()
				defer large.Unlock()
			}
			return failed.take(m.fetch(ctx, w, bar))
		})
	}
	return group.Wait()
}

// manifest fetches the list of a folder's files, and shares it too.
func (m *Mesh) manifest(ctx context.Context, name string, id content.ID) ([]content.Entry, error) {
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
	m.node.Withdraw(id) // to share it anew as what it is
	if _, err := m.node.Publish(name, file, true); err != nil {
		return nil, err
	}
	text, err := file.Bytes()
	if err != nil {
		return nil, err
	}
	c, err := content.DecodeCollection(text)
	if err != nil {
		return nil, fmt.Errorf("%s is no folder, or damaged: %w", readable.Text(name), err)
	}
	return c.Entries(), nil
}
