//go:build unix

package store

import (
	"io/fs"
	"sync"
	"syscall"
)

// umask returns the permission bits that files made here are not to have. The
// system tells only by setting it: for that moment all but the owner's are off.
var umask = sync.OnceValue(func() fs.FileMode {
	mask := syscall.Umask(0o077)
	syscall.Umask(mask)
	return fs.FileMode(mask)
})
