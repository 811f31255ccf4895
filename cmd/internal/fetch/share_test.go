package fetch

import (
	"os"
	"testing"

	"starmesh/common/fault"
)

// A look at a file that fails for want of something else says nothing of the file.
func TestOnlyWhatIsSaidOfAFileCountsAgainstIt(t *testing.T) {
	for _, err := range []error{nil, fault.Wrapf(fault.Busy, "too many files are open"), os.ErrClosed} {
		if isOther(err) {
			t.Errorf("%v says nothing of the file", err)
		}
	}
	if !isOther(fault.Wrapf(fault.NotFound, "it is gone")) {
		t.Error("a file that is gone is still what it was")
	}
}
