//go:build !linux && !darwin

package p2phost

import "net"

// setNotSentLowAt does nothing where the kernel has no such option.
func setNotSentLowAt(net.Conn, int) {}
