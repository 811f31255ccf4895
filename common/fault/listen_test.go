package fault_test

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"starmesh/common/fault"
)

func TestWhyNothingCanListenIsSaidWithAHintOfWhatWouldHelp(t *testing.T) {
	for _, c := range []struct {
		address string
		err     syscall.Errno
		is      error
		hint    fault.Hint
	}{
		{"127.0.0.1:80", syscall.EACCES, fs.ErrPermission, fault.HintPrivileged},
		{"127.0.0.1:8080", syscall.EACCES, fs.ErrPermission, ""},
		{"[::1]:7070", syscall.EADDRINUSE, fault.InUse, fault.HintTaken},
		{"192.0.2.1:7070", syscall.EADDRNOTAVAIL, syscall.EADDRNOTAVAIL, fault.HintEveryAddress},
	} {
		err := fault.Listen(c.address, os.NewSyscallError("bind", c.err))
		if err.Error() != "cannot listen on "+c.address+": "+c.err.Error() || !errors.Is(err, c.err) || !errors.Is(err, c.is) || fault.HintOf(err) != c.hint {
			t.Errorf("%s, %v: %v", c.address, c.err, err)
		}
	}
	if err := fault.Listen("x:1", errors.New("no such host")); err.Error() != "cannot listen on x:1: no such host" {
		t.Error(err)
	}
}
