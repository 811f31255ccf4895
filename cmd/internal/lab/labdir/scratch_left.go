package labdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"starmesh/common/store"
)

// ScratchState tells who holds the folder of a lab.
type ScratchState int

// The states.
const (
	Absent ScratchState = iota // there is none: the lab has ended, or there never was one
	Held                       // by a process that lives
	Left                       // by one that does not: its manager was killed
)

// LookAtScratch returns who holds the work folder of the lab in that folder.
func LookAtScratch(lab string) ScratchState {
	root, err := os.OpenRoot(lab)
	if err != nil {
		return Absent
	}
	defer root.Close()
	lock, _, state := look(root)
	if lock != nil {
		lock.Close()
	}
	return state
}

// look opens the mark, and holds its lock if nobody else does.
func look(root *os.Root) (*os.File, owner, ScratchState) {
	lock, err := root.OpenFile(markName(), os.O_RDWR, 0)
	if err != nil {
		return nil, owner{}, Absent
	}
	busy, err := store.TryLock(lock)
	who, ok := readOwner(lock)
	switch {
	case busy:
		return lock, who, Held
	case err != nil || !ok:
		return lock, who, Absent // not a lab's, or nobody can tell
	}
	return lock, who, Left
}

// ClearScratch removes what a lab has left there whose manager was killed: its work
// folder, and the copies that receivers had. It tells how many bytes that were;
// nothing is removed, and nothing told, where there is no such lab or its user
// wanted to keep the files.
func ClearScratch(lab string) (bytes int64, err error) {
	root, err := os.OpenRoot(lab)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	lock, who, state := look(root)
	if state != Left {
		if lock != nil {
			err = lock.Close()
		}
		return 0, errors.Join(err, root.Close())
	}
	f := &Scratch{lab: lab, root: root, lock: lock, keep: who.Keep}
	if !who.Keep {
		copies := f.copies()
		bytes = f.size(slices.Concat(copies, contents()))
		err = removeAll(root, copies)
	}
	return bytes, errors.Join(err, f.Leave())
}

// copies names what runs leave when they are broken off.
func (f *Scratch) copies() (names []string) {
	for _, name := range []string{ReceivedDir, OriginKey} {
		found, err := fs.Glob(f.root.FS(), RunsDir+"/*/"+name)
		if err != nil {
			panic(err) // the pattern is wrong
		}
		for _, path := range found {
			names = append(names, filepath.FromSlash(path))
		}
	}
	return names
}

// size adds up files and what is in folders; what cannot be read counts for
// nothing.
func (f *Scratch) size(names []string) (sum int64) {
	for _, name := range names {
		_ = fs.WalkDir(f.root.FS(), filepath.ToSlash(name), func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
				sum += info.Size()
			}
			return nil
		}) // no error is given back above
	}
	return sum
}
