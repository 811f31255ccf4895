//go:build !unix

package load

// usage is not known here.
func usage() (float64, bool) { return 0, false }

// isTerminal is not known here: a file that cannot be synced is an error.
func isTerminal(error) bool { return false }
