package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"testing"
	"time"

	"starmesh/common/fault"
)

// golden is the wire form of every kind. A line may be added; none may ever
// change or be used again, because programs of other versions know them.
var golden = []struct {
	code  uint16
	err   error
	text  string
	final bool // trying the same again can not help
}{
	{1, fault.NotFound, "not found", true},
	{2, fault.Corrupt, "corrupt", false},
	{3, fault.Refused, "refused", true},
	{4, fault.Unauthorized, "not authorized", true},
	{5, fault.Busy, "busy", false},
	{6, fault.TooLarge, "too large", true},
	{7, fault.Protocol, "protocol error", false},
	{8, fault.Version, "version", true},
	{9, fault.Unknown, "unknown message", true},
	{10, fault.Invalid, "invalid", true},
	{11, fault.Exists, "already exists", true},
	{12, fault.InUse, "in use", true},
	{13, fault.NoSpace, "no space", true},
	{14, fault.ReadOnly, "read-only", true},
	{15, fault.Changed, "changed", true},
	{16, fault.Closed, "closed", false},
	{17, fault.NoSource, "no source", false},
	{18, fault.Internal, "internal error", false},
}

func TestCodesAreThoseOfAllVersions(t *testing.T) {
	for _, g := range golden {
		if got := fault.Code(g.err); got != g.code {
			t.Errorf("%v has code %d, not %d", g.err, got, g.code)
		}
		if g.err.Error() != g.text {
			t.Errorf("code %d is called %q, not %q", g.code, g.err, g.text)
		}
	}
	codes := fault.Codes()
	if len(codes) != len(golden) {
		t.Errorf("%d kinds have a code; this table knows %d", len(codes), len(golden))
	}
	numbers := slices.Sorted(maps.Values(codes))
	if unique := slices.Compact(slices.Clone(numbers)); len(unique) != len(numbers) {
		t.Errorf("a code is used twice: %v", numbers)
	}
	if slices.Contains(numbers, 0) {
		t.Error("0 is the code of no error")
	}
}

func TestKindsSurviveTheWire(t *testing.T) {
	for _, g := range golden {
		here := fault.Wrapf(g.err, "it happened to %s", "x.bin")
		there := fault.FromCode(fault.Code(here), here.Error(), fault.RetryAfter(here))
		for _, other := range golden {
			if got := errors.Is(there, other.err); got != (other.code == g.code) {
				t.Errorf("%v arrived; errors.Is(…, %v) is %v", g.err, other.err, got)
			}
		}
		if there.Error() != "it happened to x.bin" {
			t.Errorf("the words became %q", there)
		}
		if fault.Code(there) != g.code {
			t.Errorf("%v would be passed on as %d", g.err, fault.Code(there))
		}
	}
}

func TestCodeOfErrorsThatWrapNoneOrMany(t *testing.T) {
	for _, c := range []struct {
		err  error
		code uint16
	}{
		{nil, 0},
		{io.ErrUnexpectedEOF, 18},
		{fmt.Errorf("open x: %w", fault.NotFound), 1},
		{errors.Join(io.EOF, fault.Busy), 5},
		{fmt.Errorf("%w and %w", fault.Internal, fault.Exists), 11},
	} {
		if got := fault.Code(c.err); got != c.code {
			t.Errorf("%v has code %d, not %d", c.err, got, c.code)
		}
	}
}

func TestACodeFromANewerVersionIsInternal(t *testing.T) {
	for _, code := range []uint16{0, 19, 500, 65535} {
		err := fault.FromCode(code, "from the future", 0)
		if !errors.Is(err, fault.Internal) || err.Error() != "from the future" {
			t.Errorf("code %d: %v", code, err)
		}
	}
}

func TestAnErrorWithoutWordsIsCalledByItsKind(t *testing.T) {
	if got := fault.FromCode(5, "", 0).Error(); got != "busy" {
		t.Errorf("%q", got)
	}
}

func TestRetryAfter(t *testing.T) {
	later := fault.Later(fault.Wrapf(fault.Busy, "full"), 5*time.Second)
	for _, c := range []struct {
		what string
		err  error
		want time.Duration
	}{
		{"nil", nil, 0},
		{"a plain error", io.EOF, 0},
		{"said here", later, 5 * time.Second},
		{"said here, wrapped", fmt.Errorf("server: %w", later), 5 * time.Second},
		{"said by the other side", fault.FromCode(5, "full", 7*time.Second), 7 * time.Second},
		{"said by the other side, wrapped", fmt.Errorf("x: %w", fault.FromCode(5, "full", 7*time.Second)), 7 * time.Second},
		{"not said by the other side", fault.FromCode(5, "full", 0), 0},
	} {
		if got := fault.RetryAfter(c.err); got != c.want {
			t.Errorf("%s: %v, not %v", c.what, got, c.want)
		}
	}
	if !errors.Is(later, fault.Busy) || later.Error() != "full" {
		t.Errorf("Later changed the error: %v", later)
	}
}

func TestWhatIsFinal(t *testing.T) {
	for _, g := range golden {
		for what, err := range map[string]error{
			"said here":                  fault.Wrapf(g.err, "x"),
			"said there":                 fault.FromCode(g.code, "x", 0),
			"said there, and wrapped":    fmt.Errorf("y: %w", fault.FromCode(g.code, "x", 0)),
			"to be tried again, it says": fault.Later(fault.Wrapf(g.err, "x"), time.Second),
		} {
			if fault.Final(err) != g.final {
				t.Errorf("%v, %s: final is %v", g.err, what, !g.final)
			}
		}
	}
	if !fault.Final(context.Canceled) {
		t.Error("whoever cancelled does not want it tried again")
	}
	for _, err := range []error{nil, io.EOF, io.ErrUnexpectedEOF, context.DeadlineExceeded} {
		if fault.Final(err) {
			t.Errorf("%v may pass", err)
		}
	}
}

func TestWrapfReadsAsASentence(t *testing.T) {
	err := fault.Wrapf(fault.Exists, "%s is there already: use another", "x.bin")
	if err.Error() != "x.bin is there already: use another" || !errors.Is(err, fault.Exists) {
		t.Errorf("%v", err)
	}
}

// TestTheKindInFrontCounts: a cause is found, but for its kind.
func TestTheKindInFrontCounts(t *testing.T) {
	path := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	cause := fault.Later(fmt.Errorf("%w: %w", fault.NotFound, path), time.Second)
	err := fmt.Errorf("a: %w", fault.Wrapf(fault.Corrupt, "it is broken: %w", cause))
	if err.Error() != "a: it is broken: not found: open x: file does not exist" {
		t.Errorf("it reads %q", err)
	}
	if fault.Code(err) != fault.Code(fault.Corrupt) || errors.Is(err, fault.NotFound) || fault.Final(err) {
		t.Errorf("%v has the kind of its cause", err)
	}
	var found *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &found) || found != path || fault.RetryAfter(err) != time.Second {
		t.Errorf("the cause of %v is lost", err)
	}
}
