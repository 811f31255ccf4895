package store

import (
	"time"

	"starmesh/common/fault"
)

// maxReserve is how many file descriptors a reserve has; an eighth of a small
// limit.
const maxReserve = 64

// Scarce reports whether fewer than that many reserves of descriptors are left
// above fd, which was opened just now: systems give the lowest number that is
// free, so it says how many are in use. What serves a Folder opens connections
// while two reserves are left, the Folder files for them while one is; so that it
// can always look at its files, however many strangers come.
func Scarce(fd uintptr, reserves int) bool {
	limit, known := descriptorLimit()
	return known && uint64(fd)+uint64(reserves)*min(limit/8, maxReserve) >= limit
}

// scarce is why a file is not opened for a stranger.
func scarce(name string) error {
	return fault.Later(fault.Wrapf(fault.Busy, "too many files are open here: %s can not be opened as well; try again", name), time.Second)
}
