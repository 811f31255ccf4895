package fault

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

// What Windows calls these errors; on other systems nothing has these numbers.
const (
	wsaEADDRINUSE    = syscall.Errno(10048)
	wsaEADDRNOTAVAIL = syscall.Errno(10049)
)

// Listen says in a sentence why nothing can listen at HOST:PORT, and what would
// help. err is the system's, and stays in it; an address that is taken is InUse.
func Listen(address string, err error) error {
	var why syscall.Errno
	if !errors.As(err, &why) {
		return fmt.Errorf("cannot listen on %s: %w", address, cmp.Or(errors.Unwrap(err), err))
	}
	port := address[strings.LastIndexByte(address, ':')+1:]
	number, _ := strconv.Atoi(port)
	switch {
	case errors.Is(why, fs.ErrPermission) && 0 < number && number < 1024:
		return fmt.Errorf("cannot listen on %s: %w (ports below 1024 need privileges; try :%d)", address, why, 7000+number)
	case why == syscall.EADDRINUSE || why == wsaEADDRINUSE:
		return Wrapf(InUse, "cannot listen on %s: %w (another program listens there; stop it, or take another port: port 0 finds a free one)", address, why)
	case why == syscall.EADDRNOTAVAIL || why == wsaEADDRNOTAVAIL:
		return fmt.Errorf("cannot listen on %s: %w (this machine has no such address; :%s is every address it has)", address, why, port)
	}
	return fmt.Errorf("cannot listen on %s: %w", address, why)
}
