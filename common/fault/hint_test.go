package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"starmesh/common/fault"
)

var words = map[fault.Hint]string{
	fault.HintReplace: "; --force replaces it",
	fault.HintPlain:   "; or leave --tls out",
}

func TestHintsAreWordedWhereTheyBelong(t *testing.T) {
	exists := fault.Advise(fault.Wrapf(fault.Exists, "x exists"), fault.HintReplace)
	plain := fault.Advise(errors.New("no TLS"), fault.HintPlain)
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"none", errors.New("broken"), "broken"},
		{"at the end", fmt.Errorf("y: %w", exists), "y: x exists; --force replaces it"},
		{"in the middle", fmt.Errorf("no place: %w (really)", exists), "no place: x exists; --force replaces it (really)"},
		{"in brackets", fmt.Errorf("cannot connect (%w)", plain), "cannot connect (no TLS; or leave --tls out)"},
		{"one of many", errors.Join(errors.New("a"), exists, plain), "a\nx exists; --force replaces it\nno TLS; or leave --tls out"},
		{"in a cause", fault.Wrapf(fault.Invalid, "bad: %w", plain), "bad: no TLS; or leave --tls out"},
		{"the same twice", errors.Join(exists, exists), "x exists; --force replaces it\nx exists"},
		{"without words", fault.Advise(errors.New("a"), fault.HintUser), "a"},
		{"worded by the other side", fault.Advise(errors.New("x exists; --force replaces it"), fault.HintReplace), "x exists; --force replaces it"},
		{"not part of the text", &hidden{exists}, "something"},
	} {
		if got := fault.Worded(c.err, words); got != c.want {
			t.Errorf("%s: %q, not %q", c.what, got, c.want)
		}
	}
}

// hidden is an error that does not show its cause.
type hidden struct{ cause error }

func (h *hidden) Error() string { return "something" }
func (h *hidden) Unwrap() error { return h.cause }

func TestAHintLeavesTheErrorAsItIs(t *testing.T) {
	err := fault.Advise(fault.Wrapf(fault.Exists, "x exists"), fault.HintReplace)
	if err.Error() != "x exists" || !errors.Is(err, fault.Exists) {
		t.Errorf("%v", err)
	}
	if got := fault.HintOf(fmt.Errorf("y: %w", errors.Join(errors.New("a"), err))); got != fault.HintReplace {
		t.Errorf("the hint is %q", got)
	}
	if got := fault.HintOf(errors.New("a")); got != "" {
		t.Errorf("a hint from nowhere: %q", got)
	}
}
