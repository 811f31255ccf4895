package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"starmesh/common/fault"
)

// explain turns what the system said about the file called name into a fault
// of its kind, with what to do about it; nil stays nil.
func explain(err error, name string) error {
	switch {
	case err == nil:
		return nil
	case fault.Code(err) != fault.Code(fault.Internal):
		return err // explained already
	case isNoSpace(err):
		return fault.Wrapf(fault.NoSpace, "the disk is full: %s can not be written on; what it has is kept, make room and go on", name)
	case isReadOnly(err):
		return fault.Wrapf(fault.ReadOnly, "%s is on a read-only file system", name)
	case isTooLarge(err):
		return fault.Wrapf(fault.TooLarge, "%s is larger than its file system, or this process, may write", name)
	case isOutOfFiles(err):
		return scarce(name)
	case isNotFolder(err), errors.Is(err, fs.ErrExist):
		return fault.Wrapf(fault.Exists, "a folder on the way to %s is a file", name)
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrapf(fault.Refused, "no permission for %s: %w", name, reason(err))
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrapf(fault.NotFound, "%s is not there", name)
	case strings.Contains(err.Error(), "path escapes from parent"): // os.Root has no name for it
		return fault.Wrapf(fault.Invalid, "%s leads out of the folder through a link", name)
	default:
		return fmt.Errorf("%s: %w", name, reason(err))
	}
}

// served is explain for whoever hears of it elsewhere: on which side a permission
// is missing.
func served(what string, err error, name string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.Wrapf(fault.Refused, "the server may not %s %s: %w", what, name, fs.ErrPermission)
	}
	return explain(err, name)
}

// reason is err without the path the system worked on, which is often only a
// part of the name.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
