package trace_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/trace"
)

// lines keeps what is printed, one line each Write.
type lines []string

func (l *lines) Write(p []byte) (int, error) { *l = append(*l, string(p)); return len(p), nil }

func TestStepsArePrintedWithTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got lines
		tr := trace.New(&got)
		tr.Step("socket() → fd %d", 3)
		time.Sleep(1500 * time.Millisecond)
		tr.Step("a name of 100%s", "%d")
		want := " 0.000000  socket() → fd 3\n, 1.500000  a name of 100%d\n"
		if strings.Join(got, ",") != want {
			t.Errorf("%q, not %q", got, want)
		}
	})
}

func TestNoTracePrintsNothing(t *testing.T) {
	tr := trace.New(nil)
	tr.Step("socket()")
	if tr != nil {
		t.Error("there is one without a place to print to")
	}
}

func TestDescriptors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if fd := trace.Descriptor(ln); fd < 3 {
		t.Errorf("a listener has the number %d", fd)
	}
	ln.Close()
	for what, conn := range map[string]any{"closed": ln, "a pipe": fmt.Stringer(nil), "nothing": nil} {
		if fd := trace.Descriptor(conn); fd != -1 {
			t.Errorf("%s has the number %d", what, fd)
		}
	}
}
