package runner

import (
	"os/exec"
	"syscall"
)

// apart keeps a console's Ctrl-C from the node: it is for the manager, which
// stops its nodes in order.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
