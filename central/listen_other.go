//go:build !unix

package central

import (
	"net"
	"starmesh/common/fault"
	"starmesh/common/trace"
)

// Listen makes a listening TCP socket with the standard library, which does
// socket, bind and listen in one; the backlog is the system's own.
func Listen(addr string, backlog int, steps *trace.Trace) (*net.TCPListener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fault.Listen(addr, err)
	}
	steps.Step("socket, bind(%s) and listen in one call; this system chooses the backlog, not %d", addr, backlog)
	return ln.(*net.TCPListener), nil
}
