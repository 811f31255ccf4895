package runner_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestAFrozenNodeDoesNotOutliveItsManager, though it cannot see its input end.
//
// The kernel wakes what is frozen in a process group that nobody in the
// session is responsible for any more. In a container, or below a service
// manager, somebody may be: whoever takes over processes without a parent. Here
// that is the test.
func TestAFrozenNodeDoesNotOutliveItsManager(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skipf("the test cannot take over the node: %v", err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }() // else it had failed above
	managerIsKilled(t, "freezing manager")
}
