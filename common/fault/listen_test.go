package fault_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"starmesh/common/fault"
)

func TestWhyNothingCanListenIsSaidWithWhatWouldHelp(t *testing.T) {
	for _, c := range []struct {
		address string
		err     syscall.Errno
		is      error
		want    string
	}{
		{"127.0.0.1:80", syscall.EACCES, fs.ErrPermission, "cannot listen on 127.0.0.1:80: permission denied (ports below 1024 need privileges; try :7080)"},
		{"127.0.0.1:8080", syscall.EACCES, fs.ErrPermission, "cannot listen on 127.0.0.1:8080: permission denied"},
		{"[::1]:7070", syscall.EADDRINUSE, fault.InUse, "cannot listen on [::1]:7070: address already in use (another program listens there; stop it, or take another port"},
		{"192.0.2.1:7070", syscall.EADDRNOTAVAIL, syscall.EADDRNOTAVAIL, "(this machine has no such address; :7070 is every address it has)"},
	} {
		err := fault.Listen(c.address, os.NewSyscallError("bind", c.err))
		if !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.err) || !errors.Is(err, c.is) || strings.Contains(err.Error(), "bind") {
			t.Errorf("%s, %v: %v", c.address, c.err, err)
		}
		if strings.Contains(err.Error(), "1024") != strings.Contains(c.want, "1024") {
			t.Errorf("%s: %v", c.address, err)
		}
	}
	if err := fault.Listen("x:1", errors.New("no such host")); err.Error() != "cannot listen on x:1: no such host" {
		t.Error(err)
	}
}
