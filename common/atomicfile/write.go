package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"starmesh/common/fault"
)

// Options say what kind of file is written.
type Options struct {
	Perm fs.FileMode // before the umask
	// New fails with fs.ErrExist where there is a file already; else its place
	// is taken.
	New bool
	// NoSync saves the time of making it durable: after a power cut it may be
	// there damaged, which whoever reads it must notice.
	NoSync bool
}

// Write makes the file called name of what write writes. Nobody ever sees a
// part of it, and when Write returns nil it outlasts a power cut where the
// system can do that. It fails with what write does, or with an *fs.PathError
// of name.
//
// What is no file but takes bytes in order (see IsStream) is written to as it is.
func Write(name string, opt Options, write func(io.Writer) error) error {
	if !opt.New && IsStream(name) {
		return writeStream(name, write)
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return named(name, err)
	}
	defer root.Close()
	f := file{Options: opt, root: root, name: filepath.Base(name), called: name}
	return f.write(write)
}

func writeStream(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return named(name, err)
	}
	to := bufio.NewWriter(f)
	if err := write(to); err != nil {
		f.Close()
		return err
	}
	return named(name, errors.Join(to.Flush(), f.Close()))
}

// file is one that is being written. Its folder is held open: nobody can put
// another in its place meanwhile.
type file struct {
	Options
	root   *os.Root // its folder
	name   string   // in there
	called string   // in errors
}

func (f *file) write(write func(io.Writer) error) error {
	aside, err := f.aside()
	if err != nil {
		return named(f.called, err)
	}
	name := filepath.Base(aside.Name())
	defer f.root.Remove(name) // fails once it has been renamed
	to := bufio.NewWriter(aside)
	if err := write(to); err != nil {
		aside.Close()
		return err
	}
	err = to.Flush()
	if err == nil && !f.NoSync {
		err = aside.Sync()
	}
	if err = errors.Join(err, aside.Close()); err == nil {
		err = f.place(name)
	}
	return named(f.called, err)
}

// aside makes an empty file beside the one to be written, under a name that
// nobody else has.
func (f *file) aside() (*os.File, error) {
	for {
		name := fmt.Sprintf(".%s.%08x", f.name, rand.Uint32())
		aside, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Perm)
		if !errors.Is(err, fs.ErrExist) {
			return aside, err
		}
	}
}

// place gives the file aside its name.
func (f *file) place(aside string) error {
	put := f.root.Rename
	if f.New {
		put = f.claim
	}
	if err := put(aside, f.name); err != nil || f.NoSync {
		return err
	}
	return SyncFolder(f.root, ".")
}

// claim is a renaming that takes no other file's place.
func (f *file) claim(aside, name string) error {
	err := f.root.Link(aside, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	// No hard links here (FAT, some network disks): look, then move.
	if _, err := f.root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return f.root.Rename(aside, name)
}

// named says of the file that was asked for what is wrong, not of the one aside.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: "write", Path: name, Err: fault.Bare(err)}
}
