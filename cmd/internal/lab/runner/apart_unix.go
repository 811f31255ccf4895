//go:build unix && !linux

package runner

import (
	"os/exec"
	"syscall"
)

// apart keeps a terminal's Ctrl-C from the node: it is for the manager, which
// stops its nodes in order.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
