package load

import "golang.org/x/sys/unix"

// peakMemory returns the most resident memory this process has had, in bytes as
// getrusage(2) says on this system.
func peakMemory() (int64, bool) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return u.Maxrss, true
}
