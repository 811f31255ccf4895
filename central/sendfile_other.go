//go:build !linux

package central

import (
	"errors"
	"os"
)

// Elsewhere chunks go through a buffer: the calls that would spare it differ
// from system to system.
const haveSendfile = false

func sendFile(*stallConn, []byte, *os.File, int64, int) error {
	return errors.ErrUnsupported
}
