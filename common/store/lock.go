package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// TryLock takes the lock of an open file, for what only one process may use at
// a time. It does not wait: busy tells that another has it. The lock goes with
// f's Close, or the process. It fails with errors.ErrUnsupported where files have
// no locks (some network drives): there nobody can tell.
func TryLock(f *os.File) (busy bool, err error) { return lockFile(f) }

// openState opens the state of n and locks it; found is false when there is
// none. It fails with fault.InUse while another has it.
func openState(root *os.Root, n names) (f *os.File, found bool, err error) {
	for range lockTries {
		f, err := openRegular(root, n.state, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, explain(err, n.state)
		}
		held, err := takeLock(root, f, n.state, n.final)
		if held || err != nil {
			return f, held, err
		}
	}
	return nil, false, neverSame(n.state)
}

// lockTries bounds how often a file is found to be another one after it was
// locked: on a sane file system once, when its owner has just finished.
const lockTries = 100

func neverSame(name string) error {
	return fault.Wrapf(fault.InUse, "%s becomes another file all the time", name)
}

// newState makes the state of a file of which nothing is there yet, locked. It
// is written aside and renamed, so that there is never half a state. The lock
// on the file aside lets only one process at a time do this, and goes with it
// to its new name. old is the locked state it replaces, nil for none; doubt tells
// that there is data of which nothing is known.
func newState(root *os.Root, n names, list content.ChunkList, old *os.File, doubt bool) (*os.File, error) {
	for range lockTries {
		f, err := openRegular(root, n.fresh, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, explain(err, n.fresh)
		}
		held, err := takeLock(root, f, n.fresh, n.final)
		if err != nil {
			return nil, err
		}
		if !held {
			continue
		}
		if err := writeNewState(root, n, f, encodeState(list, doubt), old); err != nil {
			root.Remove(n.fresh)
			f.Close()
			return nil, err
		}
		return f, nil
	}
	return nil, neverSame(n.fresh)
}

func writeNewState(root *os.Root, n names, f *os.File, b []byte, old *os.File) error {
	if _, err := root.Lstat(n.state); err == nil && old == nil {
		return fault.Wrapf(fault.InUse, "%s was begun by another process just now", n.final)
	}
	if err := f.Truncate(0); err != nil {
		return explain(err, n.fresh)
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return explain(err, n.fresh)
	}
	return explain(root.Rename(n.fresh, n.state), n.state)
}

// takeLock locks f, opened as name, and looks whether name still means f: the
// process that had the lock before may have renamed or removed it. held is
// false when it did, or err says why; then f is closed.
func takeLock(root *os.Root, f *os.File, name, final string) (held bool, err error) {
	busy, err := lockFile(f)
	switch {
	case err != nil && !errors.Is(err, errors.ErrUnsupported): // without locks anybody may
		err = explain(err, name)
	case busy:
		err = inUse(f, final)
	default:
		held, err = isFile(root, name, f), nil
	}
	if !held {
		f.Close()
	}
	return held, err
}

// inUse says who works on the file called final; its state is f.
func inUse(f *os.File, final string) error {
	var b [8]byte
	if n, _ := f.ReadAt(b[:], atPID); n < len(b) {
		return fault.Wrapf(fault.InUse, "%s is being written by another process", final)
	}
	pid := binary.BigEndian.Uint64(b[:])
	if pid == uint64(os.Getpid()) {
		return fault.Wrapf(fault.InUse, "%s is being written by this process already", final)
	}
	return fault.Wrapf(fault.InUse, "%s is being written by another process (pid %d)", final, pid)
}

// openRegular opens name if it is a regular file, or can be made one. A link
// is not followed, even within root: a file in the making is never one.
func openRegular(root *os.Root, name string, flag int, perm fs.FileMode) (*os.File, error) {
	switch info, err := root.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fault.Wrapf(fault.Exists, "%s is in the way: it is %s", name, kindOf(info))
	}
	return root.OpenFile(name, flag, perm)
}

// kindOf says what a directory entry is, for people.
func kindOf(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	case mode.IsRegular():
		return "a file"
	default:
		return "no regular file"
	}
}
