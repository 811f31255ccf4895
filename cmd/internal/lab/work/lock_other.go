//go:build !linux && !darwin && !windows

package work

import (
	"errors"
	"os"
)

// tryLock cannot tell here whether another holds the file.
func tryLock(*os.File) (busy bool, err error) { return false, errors.ErrUnsupported }
