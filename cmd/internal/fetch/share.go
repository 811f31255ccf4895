package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/ondisk"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/peer"
)

// sharer shares files and folders where they are.
type sharer struct {
	*meshNode
	cache     *store.Cache
	roots     []*os.Root
	shelved   []*shelved
	published map[content.ID]bool
}

func (s *sharer) close() {
	for _, root := range s.roots {
		root.Close()
	}
}

// share publishes the file or folder at path and gives its ticket.
func (s *sharer) share(ctx context.Context, path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", ondisk.Named(path, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", ondisk.Named(path, err)
	}
	name, err := shareName(path)
	if err != nil {
		return "", err
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
		return "", ondisk.Named(path, err)
	}
	name := filepath.Base(abs)
	if err := content.CheckPath(name); err != nil {
		return "", fault.Wrapf(fault.Invalid, "%s cannot be shared under that name: %v", path, err)
	}
	return name, nil
}

// file publishes one file.
func (s *sharer) file(ctx context.Context, name, real string, info fs.FileInfo) (string, error) {
	root, err := s.root(filepath.Dir(real))
	if err != nil {
		return "", err
	}
	bar := s.out.Bar("hash "+printableName(name), info.Size())
	bar.Start()
	list, err := store.HashFile(ctx, real, s.cache, bar.Add)
	bar.Finish(err)
	if err != nil {
		return "", err
	}
	ticket, err := s.publish(name, newShelved(root, filepath.Base(real), list, store.StampOf(info)))
	if err != nil {
		return "", err
	}
	s.say(ticketEvent{Name: name, Ticket: ticket.String(), ID: list.ID().String(), Size: list.Size(), Files: 1})
	return ticket.String(), nil
}

func (s *sharer) root(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, ondisk.Named(dir, err)
	}
	s.roots = append(s.roots, root)
	return root, nil
}

// publish shares one file, unless another with the same content is shared.
func (s *sharer) publish(name string, file *shelved) (peer.Ticket, error) {
	list := file.List()
	s.shelved = append(s.shelved, file)
	if s.published[list.ID()] {
		return s.Ticket(name, list, false), nil
	}
	s.published[list.ID()] = true
	return s.Publish(name, file, false)
}

// folder publishes all files in a folder, and the manifest that names them.
func (s *sharer) folder(ctx context.Context, name, dir string) (string, error) {
	root, err := s.root(dir)
	if err != nil {
		return "", err
	}
	files, total, err := listFolder(dir)
	if err != nil {
		return "", err
	}
	bar := s.out.Bar("hash "+printableName(name), total)
	bar.Start()
	total, err = s.files(ctx, root, dir, files, bar)
	bar.Finish(err)
	if err != nil {
		return "", err
	}
	ticket, err := s.manifest(ctx, name, files)
	if err != nil {
		return "", err
	}
	s.say(ticketEvent{
		Name: name, Ticket: ticket.String(), ID: ticket.ID.String(), Size: total, Collection: true, Files: len(files),
	})
	return ticket.String(), nil
}

// files hashes and publishes the files of a folder.
func (s *sharer) files(ctx context.Context, root *os.Root, dir string, files []content.Entry, bar *cli.Bar) (total int64, err error) {
	for i := range files {
		entry := &files[i]
		info, err := root.Lstat(filepath.FromSlash(entry.Path))
		if err != nil {
			return 0, ondisk.Named(filepath.Join(dir, entry.Path), err)
		}
		list, err := store.HashFile(ctx, filepath.Join(dir, filepath.FromSlash(entry.Path)), s.cache, bar.Add)
		if err != nil {
			return 0, err
		}
		entry.ID, entry.Size = list.ID(), list.Size()
		total += entry.Size
		if _, err := s.publish(entry.Path, newShelved(root, entry.Path, list, store.StampOf(info))); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// manifest publishes the list of a folder's files.
func (s *sharer) manifest(ctx context.Context, name string, files []content.Entry) (peer.Ticket, error) {
	text, err := content.EncodeCollection(files)
	if err != nil {
		return peer.Ticket{}, err
	}
	file, err := inMemory(ctx, text)
	if err != nil {
		return peer.Ticket{}, err
	}
	ticket, err := s.Publish(name, file, true)
	if errors.Is(err, fault.Exists) { // the same folder, or one just like it
		return s.Ticket(name, file.List(), true), nil
	}
	return ticket, err
}

// watch waits for ctx to end and meanwhile stops sharing files that change.
func (s *sharer) watch(ctx context.Context) error {
	pause := 2 * time.Second
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		began := time.Now()
		s.shelved = s.unchanged()
		if len(s.shelved) == 0 {
			return fault.Wrapf(fault.Changed, "all that was shared has changed or gone")
		}
		pause = max(2*time.Second, 20*time.Since(began)) // at most 5 % of the time
	}
}

// unchanged looks at all files and withdraws those that are no longer what
// they were.
func (s *sharer) unchanged() []*shelved {
	kept := s.shelved[:0]
	for _, file := range s.shelved {
		err := file.check()
		if err == nil {
			kept = append(kept, file)
			continue
		}
		id := file.List().ID()
		s.Withdraw(id)
		s.out.Warn("no longer shared: %s", cli.OneLine(err))
		s.out.Event("withdrawn", map[string]string{"name": file.name, "id": id.String(), "why": cli.OneLine(err)})
	}
	return kept
}
