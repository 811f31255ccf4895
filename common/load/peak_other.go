//go:build !linux && !darwin

package load

// peakMemory is not known here.
func peakMemory() (int64, bool) { return 0, false }
