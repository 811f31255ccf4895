package fault_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"starmesh/common/fault"
)

func TestBareIsTheSystemsWordAlone(t *testing.T) {
	full := errors.New("no space")
	for name, err := range map[string]error{
		"a call on a path":  fmt.Errorf("x: %w", &fs.PathError{Op: "write", Path: "aside", Err: full}),
		"a call on two":     &os.LinkError{Op: "rename", Old: "aside", New: "x", Err: full},
		"no call on a file": full,
	} {
		if got := fault.Bare(err); got != full {
			t.Errorf("%s: %v", name, got)
		}
	}
	if fault.Bare(nil) != nil || fault.Bare(io.EOF) != io.EOF {
		t.Error("what is no error of a file is changed")
	}
}
