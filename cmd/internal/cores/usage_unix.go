//go:build unix

package cores

import (
	"syscall"
	"time"
)

// usage is the processor time that the process has used so far.
func usage() (time.Duration, bool) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), true
}
