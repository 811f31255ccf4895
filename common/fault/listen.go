package fault

import (
	"cmp"
	"errors"
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

// A ListenError says in a sentence why nothing can listen at Address, HOST:PORT.
// Hints in it say what would help.
type ListenError struct {
	Address string
	err     error
}

func (e *ListenError) Error() string { return "cannot listen on " + e.Address + ": " + e.err.Error() }

// Unwrap returns what the system said.
func (e *ListenError) Unwrap() error { return e.err }

// Listen returns the ListenError of an address. err is the system's, and stays in
// it; an address that is taken is InUse.
func Listen(address string, err error) error {
	var why syscall.Errno
	if !errors.As(err, &why) {
		return &ListenError{address, cmp.Or(errors.Unwrap(err), err)}
	}
	number, _ := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
	switch {
	case errors.Is(why, fs.ErrPermission) && 0 < number && number < 1024:
		return &ListenError{address, Advise(why, HintPrivileged)}
	case why == syscall.EADDRINUSE || why == wsaEADDRINUSE:
		return &ListenError{address, Advise(Wrapf(InUse, "%w", why), HintTaken)}
	case why == syscall.EADDRNOTAVAIL || why == wsaEADDRNOTAVAIL:
		return &ListenError{address, Advise(why, HintEveryAddress)}
	}
	return &ListenError{address, why}
}
