//go:build unix

package agent

import (
	"os"
	"syscall"
)

// isRemoved reports whether no name leads to a file any more: what is written to it
// is lost.
func isRemoved(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	kernel, ok := info.Sys().(*syscall.Stat_t)
	return ok && kernel.Nlink == 0
}
