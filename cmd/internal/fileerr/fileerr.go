// Package fileerr says what is wrong with a file in the words of its user.
package fileerr

import (
	"path/filepath"

	"starmesh/common/fault"
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
