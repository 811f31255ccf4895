package cli_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/common/fault"
)

// TestWhereNothingCanListenIsSaidWithItsFlag: of several addresses the one that
// the error is about.
func TestWhereNothingCanListenIsSaidWithItsFlag(t *testing.T) {
	cmd := new(cobra.Command)
	cmd.Flags().String("listen", "127.0.0.1:80", "")
	cmd.Flags().String("http", ":443", "")
	cmd.Flags().String("agent", "127.0.0.1:7071", "")
	cmd.Flags().String("dashboard", "192.0.2.1:8080", "")
	for _, c := range []struct {
		address string
		err     syscall.Errno
		want    string
	}{
		{"127.0.0.1:80", syscall.EACCES, " (ports below 1024 need privileges; try --listen 127.0.0.1:7080)"},
		{":443", syscall.EACCES, " (ports below 1024 need privileges; try --http :7443)"},
		{"127.0.0.1:7071", syscall.EADDRINUSE, " (another program listens there; stop it, or take another port: --agent 127.0.0.1:0 finds a free one)"},
		{"192.0.2.1:8080", syscall.EADDRNOTAVAIL, " (this machine has no such address; --dashboard :8080 is every address it has)"},
		{"[::1]:22", syscall.EACCES, " (ports below 1024 need privileges; try [::1]:7022)"},
		{"127.0.0.1:7071", syscall.EMFILE, ""},
	} {
		if got := cli.Words(cmd, errors.Join(fault.Listen(c.address, c.err))); got != "cannot listen on "+c.address+": "+c.err.Error()+c.want {
			t.Errorf("%s\n%s, want\n%s", c.address, got, c.want)
		}
	}
}
