package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"syscall"

	"starmesh/common/fault"
)

// Listen is net.Listen with errors that say what to do. Use it for every
// address that a user has given.
func Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		return nil, ListenError(address, err)
	}
	return ln, nil
}

// CheckAddress says what is wrong with the form of HOST:PORT: fault.Invalid.
func CheckAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fault.Wrapf(fault.Invalid, "%q is not an address: write HOST:PORT, as in 127.0.0.1:7070 or [::1]:7070; :7070 is every interface", address)
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return fault.Wrapf(fault.Invalid, "%q has no possible port: ports go from 1 to 65535, and 0 takes any free one", address)
	}
	return nil
}

// ListenError says in a sentence why nothing can listen on address, given the
// error of the system.
func ListenError(address string, err error) error {
	_, port, _ := net.SplitHostPort(address)
	var dns *net.DNSError
	switch {
	case errors.Is(err, fs.ErrPermission) && privileged(port):
		return &listenError{err, fmt.Sprintf(
			"cannot listen on %s: permission denied (ports below 1024 need privileges; try :%s)", address, suggestion(port))}
	case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaEADDRINUSE):
		return &listenError{errors.Join(err, fault.InUse), fmt.Sprintf(
			"cannot listen on %s: address already in use (another program listens there; stop it, or take another port: port 0 finds a free one)", address)}
	case errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, wsaEADDRNOTAVAIL):
		return &listenError{err, fmt.Sprintf(
			"cannot listen on %s: this machine has no such address (:%s is every address it has)", address, port)}
	case errors.As(err, &dns):
		return &listenError{err, fmt.Sprintf("cannot listen on %s: there is no %q (%s)", address, dns.Name, dns.Err)}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return &listenError{err, fmt.Sprintf("cannot listen on %s: %v", address, op.Err)}
	}
	return &listenError{err, fmt.Sprintf("cannot listen on %s: %v", address, err)}
}

// What Windows calls these errors; on other systems nothing has these numbers.
const (
	wsaEADDRINUSE    = syscall.Errno(10048)
	wsaEADDRNOTAVAIL = syscall.Errno(10049)
)

// listenError is err in words of its own.
type listenError struct {
	err  error
	text string
}

func (e *listenError) Error() string { return e.text }
func (e *listenError) Unwrap() error { return e.err }

func privileged(port string) bool {
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n < 1024
}

// suggestion is a port that looks like the privileged one and needs no
// privileges: 7007 for 7, 7080 for 80, 7443 for 443.
func suggestion(port string) string {
	n, err := strconv.Atoi(port)
	if err != nil {
		return "7070"
	}
	return strconv.Itoa(7000 + n)
}
