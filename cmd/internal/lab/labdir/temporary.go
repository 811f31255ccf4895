package labdir

import (
	"errors"
	"os"
	"path/filepath"
)

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
