package runner

import (
	"os/exec"
	"syscall"
)

// apart keeps a terminal's Ctrl-C from the node: it is for the manager, which
// stops its nodes in order.
//
// A node that is frozen (SIGSTOP) does not see its input end. So the kernel
// wakes it when the manager is gone, and it ends in good order, with a whole
// log; SIGKILL would take that from all the others. The kernel means the
// thread that starts the node (prctl(2), PR_SET_PDEATHSIG). Go ends a thread
// only with a goroutine that is locked to it, and to a node that lives SIGCONT
// means nothing.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGCONT}
}
