package fetch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"starmesh/common/fault"
)

func TestOneFilesFailureIsKeptAndOthersEndAll(t *testing.T) {
	var f failures
	if f.err(3) != nil {
		t.Error("nothing has failed")
	}
	gone := errors.New("the network is gone")
	for err, fatal := range map[error]bool{
		nil: false, gone: true, fault.NoSpace: true, fault.NoSource: true, fault.Busy: true,
		fault.Wrapf(fault.Exists, "a is there"): false, fmt.Errorf("b: %w", fault.Refused): false,
	} {
		if got := f.take(err); (got != nil) != fatal {
			t.Errorf("%v: %v", err, got)
		}
	}
	if len(f.errs) != 2 {
		t.Errorf("%d are kept", len(f.errs))
	}
	err := f.err(5)
	if text := err.Error(); !strings.HasPrefix(text, "2 of 5 files failed: ") || !strings.Contains(text, "a is there") ||
		!strings.Contains(text, "b: ") || !errors.Is(err, fault.Exists) || !errors.Is(err, fault.Refused) {
		t.Error(err)
	}
	for i := range 20 {
		f.take(fault.Wrapf(fault.Changed, "%d has changed", i))
	}
	if text := f.err(100).Error(); !strings.HasSuffix(text, "; and 12 more") {
		t.Error(text)
	}
	var one failures
	one.take(fault.Wrapf(fault.Exists, "a is there"))
	if one.err(1).Error() != "a is there" {
		t.Error("a single file needs no count:", one.err(1))
	}
}
