//go:build !linux

package load

// kernelCounts reports whether the kernel counts the bytes of TCP sockets; here
// nobody has taught this program to ask for them.
const kernelCounts = false

// tcpInfo knows nothing on this system.
func tcpInfo(int) (kernelInfo, bool) { return kernelInfo{}, false }
