//go:build !linux

package central

import (
	"errors"
	"net"
	"os"
	"time"
)

// Elsewhere chunks go through a buffer: the calls that would spare it differ
// from system to system.
const haveSendfile = false

func sendFile(*net.TCPConn, []byte, *os.File, int64, int, time.Duration) error {
	return errors.ErrUnsupported
}
