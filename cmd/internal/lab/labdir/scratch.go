package labdir

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"starmesh/common/fault"
	"starmesh/common/store"
)

// format is what the mark says it is: a file without it is nobody's lock.
const format = "starmesh-work/1"

// owner is what the mark says.
type owner struct {
	Format  string `json:"format"`
	Process int    `json:"process"`
	Keep    bool   `json:"keep,omitempty"` // the user wants the files of the lab
}

// A Scratch is held by this process. Leave must be called.
type Scratch struct {
	lab  string // the folder it is in
	root *os.Root
	lock *os.File
	keep bool
}

// TakeScratch makes the folder for the lab in that folder, which is made too if need
// be, and holds it; what another lab has left in it goes. Whoever wants to keep
// the files of the lab says so. A folder that another process holds is
// fault.InUse.
func TakeScratch(lab string, keep bool) (*Scratch, error) {
	if err := os.MkdirAll(filepath.Join(lab, ScratchName), 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(lab)
	if err != nil {
		return nil, err
	}
	f := &Scratch{lab: lab, root: root, keep: keep}
	if err := f.hold(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

func markName() string { return filepath.Join(ScratchName, mark) }

// hold takes the lock and puts this process's name into it.
func (f *Scratch) hold() (err error) {
	if f.lock, err = f.root.OpenFile(markName(), os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return err
	}
	if err := f.sign(); err != nil {
		return errors.Join(err, f.lock.Close())
	}
	return nil
}

// sign does not, where nobody can tell whether a lock is held (on some network
// drives): then what is left will never be taken for ours.
func (f *Scratch) sign() error {
	busy, unknown := store.TryLock(f.lock)
	if busy {
		return inUse(f.lab, f.lock)
	}
	if !f.there() {
		return fault.Wrapf(fault.InUse, "%s is in use by a lab that is just ending: try again", f.lab)
	}
	if err := errors.Join(removeAll(f.root, contents()), f.lock.Truncate(0)); err != nil || unknown != nil {
		return err
	}
	text, err := json.Marshal(owner{Format: format, Process: os.Getpid(), Keep: f.keep})
	if err == nil {
		_, err = f.lock.WriteAt(append(text, '\n'), 0)
	}
	return err
}

// there reports whether the file we have locked is still the mark: whoever held
// it before may have removed it.
func (f *Scratch) there() bool {
	ours, err := f.lock.Stat()
	if err != nil {
		return false
	}
	mark, err := f.root.Stat(markName())
	return err == nil && os.SameFile(ours, mark)
}

func inUse(lab string, lock *os.File) error {
	if who, ok := readOwner(lock); ok {
		return fault.Wrapf(fault.InUse, "%s is in use by a lab that runs (process %d): choose another folder", lab, who.Process)
	}
	return fault.Wrapf(fault.InUse, "%s is in use by a lab that runs: choose another folder", lab)
}

// Dir is the path of the folder.
func (f *Scratch) Dir() string { return filepath.Join(f.lab, ScratchName) }

// Path is the path of a file in it.
func (f *Scratch) Path(name string) string { return filepath.Join(f.Dir(), name) }

// Leave lets go of the folder, and removes it unless its files are to be kept.
// What does not belong to the lab stays.
func (f *Scratch) Leave() error {
	var err error
	if !f.keep {
		err = removeAll(f.root, contents())
	}
	// A file that is open can be removed on most systems: then nobody takes a
	// lock that is about to go.
	removed := f.root.Remove(markName())
	err = errors.Join(err, f.lock.Close())
	if removed != nil {
		err = errors.Join(err, f.root.Remove(markName()))
	}
	_ = f.root.Remove(ScratchName) // it stays if something else is in it
	return errors.Join(err, f.root.Close())
}

// contents names what a lab puts into its folder, but for the mark.
func contents() []string {
	return []string{filepath.Join(ScratchName, ScratchFile), filepath.Join(ScratchName, ScratchCache)}
}

func removeAll(root *os.Root, names []string) error {
	var errs []error
	for _, name := range names {
		if err := root.RemoveAll(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// readOwner reads a mark.
func readOwner(lock *os.File) (owner, bool) {
	const longest = 4096
	text, err := io.ReadAll(io.NewSectionReader(lock, 0, longest))
	var who owner
	ok := err == nil && json.Unmarshal(text, &who) == nil && who.Format == format
	return who, ok
}

// TemporaryDir makes a folder among the system's temporary ones, of which the name
// begins with prefix, and holds it. leave removes it with all that is in it.
// Folders of that name whose process was killed are removed first.
func TemporaryDir(prefix string) (dir string, leave func() error, err error) {
	earlier, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is right
	for _, name := range earlier {
		if LookAtScratch(name) == Left {
			_ = os.RemoveAll(name) // another user's: that is for them
		}
	}
	if dir, err = os.MkdirTemp("", prefix); err != nil {
		return "", nil, err
	}
	f, err := TakeScratch(dir, false)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, func() error { return errors.Join(f.Leave(), os.RemoveAll(dir)) }, nil
}
