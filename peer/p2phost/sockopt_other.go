//go:build !linux && !darwin

package peer

import "net"

// setNotSentLowAt does nothing where the kernel has no such option.
func setNotSentLowAt(net.Conn, int) {}
