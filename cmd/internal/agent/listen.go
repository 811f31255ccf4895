package agent

import (
	"context"
	"net"

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
		return nil, fault.Listen(address, err)
	}
	return ln, nil
}

// CheckAddress says what is wrong with the form of HOST:PORT: fault.Invalid.
func CheckAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fault.Wrapf(fault.Invalid, "%q is not an address: write HOST:PORT, as in 127.0.0.1:7070 or [::1]:7070; :7070 is every interface", address)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fault.Wrapf(fault.Invalid, "%q has no possible port: ports go from 1 to 65535, and 0 takes any free one", address)
	}
	return nil
}
