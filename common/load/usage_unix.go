//go:build unix

package load

import (
	"errors"

	"golang.org/x/sys/unix"
)

// usage returns the process's user and system seconds.
func usage() (float64, bool) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	ns := unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime)
	return float64(ns) / 1e9, true
}

// isTerminal reports whether a sync failed because there is nothing to sync: a
// terminal, a pipe.
func isTerminal(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP)
}
