//go:build !linux

package central

import "net"

// acknowledged is not known here: what counts is that the system took bytes.
func acknowledged(*net.TCPConn) uint64 { return 0 }
