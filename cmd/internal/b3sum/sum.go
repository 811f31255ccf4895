package b3sum

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"lukechampine.com/blake3"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/stuck"
)

// Hasher computes ids.
type Hasher struct {
	In    io.Reader    // what "-" stands for
	Cache *store.Cache // nil: every file is read
	Bar   func(title string, total int64) Bar
}

// Bar shows how far a piece of work has come; a total of -1 is not known.
type Bar interface {
	Add(bytes int64)
	Finish(err error)
}

// Sum returns the id of the file called name, or of standard input for "-".
func (h *Hasher) Sum(ctx context.Context, name string) (content.ID, int64, error) {
	if name == "-" {
		return h.stream(ctx, "standard input", h.In)
	}
	info, err := os.Stat(name)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	if info.IsDir() {
		return content.ID{}, 0, fileerr.Named(name, fault.Advise(errors.New("is a folder"), fault.HintFolder))
	}
	// What has no size, like a pipe or a file of /proc, can only be read to
	// its end.
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return h.open(ctx, name)
	}
	bar := h.Bar("hash "+name, info.Size())
	list, err := store.HashFile(ctx, name, h.Cache, bar.Add)
	bar.Finish(err)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	return list.ID(), list.Size(), nil
}

func (h *Hasher) open(ctx context.Context, name string) (content.ID, int64, error) {
	f, err := stuck.Open(name)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	defer f.Close()
	return h.stream(ctx, name, f)
}

// stream hashes what can not be read twice nor in parallel. A read that waits
// for a person or a pipe can not be ended: when ctx ends it is left behind, for
// the end of the process.
func (h *Hasher) stream(ctx context.Context, name string, r io.Reader) (content.ID, int64, error) {
	bar := h.Bar("hash "+name, -1)
	sum := blake3.New(32, nil)
	read := int64(0)
	copied := make(chan error, 1)
	go func() {
		var err error
		read, err = io.CopyBuffer(io.MultiWriter(sum, counter{bar}), r, make([]byte, 1<<20))
		copied <- err
	}()
	var err error
	select {
	case err = <-copied:
	case <-ctx.Done():
		err = ctx.Err()
	}
	bar.Finish(err)
	if err != nil {
		return content.ID{}, 0, fileerr.Named(name, err)
	}
	return content.ID(sum.Sum(nil)), read, nil
}

// counter moves a bar with what is written.
type counter struct{ bar Bar }

func (c counter) Write(p []byte) (int, error) {
	c.bar.Add(int64(len(p)))
	return len(p), nil
}

// Folder returns the id of a folder with these files, of total bytes: that of its
// manifest.
func (h *Hasher) Folder(ctx context.Context, dir string, files []content.Entry, total int64) (content.ID, error) {
	bar := h.Bar("hash "+dir, total)
	err := h.all(ctx, dir, files, bar)
	bar.Finish(err)
	if err != nil {
		return content.ID{}, err
	}
	manifest, err := content.EncodeCollection(files)
	return content.ID(blake3.Sum256(manifest)), err
}

// all enters ids and sizes into files.
func (h *Hasher) all(ctx context.Context, dir string, files []content.Entry, bar Bar) error {
	for i := range files {
		name := filepath.Join(dir, filepath.FromSlash(files[i].Path))
		list, err := store.HashFile(ctx, name, h.Cache, bar.Add)
		if err != nil {
			return err
		}
		files[i].ID, files[i].Size, files[i].List = list.ID(), list.Size(), list
	}
	return nil
}
