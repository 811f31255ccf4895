// Package fileerr says what is wrong with a file in the words of its user.
package fileerr

import (
	"io"
	"os"
	"path/filepath"

	"starmesh/common/atomicfile"
	"starmesh/common/fault"
	"starmesh/common/stuck"
)

// An Error is about a file or folder, called as its user calls it, with slashes.
type Error struct {
	Name string
	Err  error
}

func (e *Error) Error() string { return e.Name + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the file.
func (e *Error) Unwrap() error { return e.Err }

// Named says what is wrong with name without the system call, and without the
// name that was used for it there. Nothing wrong stays nil.
func Named(name string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Name: filepath.ToSlash(name), Err: fault.Bare(err)}
}

// Read opens the file called name and reads it with parse. What is wrong with it
// is said of that name.
func Read[T any](name string, parse func(*os.File) (T, error)) (T, error) {
	defer stuck.Begin()()
	file, err := os.Open(name)
	if err != nil {
		var none T
		return none, Named(name, err)
	}
	defer file.Close()
	read, err := parse(file)
	return read, Named(name, err)
}

// Write makes a file of what write writes, whole or not at all.
func Write(name string, write func(io.Writer) error) error {
	return Named(name, atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, write))
}
