// Package ondisk writes files that are there whole or not at all, and says what
// is wrong with one in the words of its user.
package ondisk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"starmesh/common/atomicfile"
)

// Save makes a file of what write writes. Nobody ever sees a part of it: it
// takes the place of the file that may be there when all is written. Its errors
// are Named.
func Save(name string, write func(io.Writer) error) error {
	if err := atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, write); err != nil {
		return Named(name, err)
	}
	return nil
}

// An Error is about a file or folder, called as its user calls it, with slashes.
type Error struct {
	Name string
	Err  error
}

func (e *Error) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap gives what is wrong with the file.
func (e *Error) Unwrap() error { return e.Err }

// Named says what is wrong with name without the system call, and without the
// name that was used for it there.
func Named(name string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return &Error{Name: filepath.ToSlash(name), Err: err}
}
