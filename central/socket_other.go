//go:build !linux

package central

import "net"

// sendSoon sets nothing here: the system's own buffers decide.
func sendSoon(*net.TCPConn) {}
