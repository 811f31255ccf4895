package b3sum

import (
	"strings"
	"testing"

	"starmesh/common/content"
)

func TestSumLinesThatAreWrong(t *testing.T) {
	hex := strings.Repeat("a1", 32)
	for _, line := range []string{
		"", "x", hex, hex + "  ", hex + " *x", hex + " x", "\\" + hex + "  a\\b", "\\" + hex + "  a\\",
		strings.ToUpper(hex) + "  x", "g" + hex[1:] + "  x", hex + "  a\x00b", hex + "  a\xff", hex + "  a\ufffd",
	} {
		if id, name, err := Parse(line); err == nil {
			t.Errorf("%q is taken for %s and %q", line, id, name)
		}
	}
}

// FuzzSumLine: what is written can be read again, and what is read was meant.
func FuzzSumLine(f *testing.F) {
	for _, name := range []string{"a", "a b", "a\nb", `a\b`, `\`, "\\\n", "  ", "ü"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		id := content.ID{1, 2, 3}
		line := Line(id, name)
		gotID, got, err := Parse(line)
		if checkName(name) != nil {
			return // bytes that are no UTF-8 are lost, as b3sum loses them
		}
		if err != nil || gotID != id || got != name {
			t.Errorf("%q became %q and then %q, %v", name, line, got, err)
		}
		if strings.Contains(line, "\n") {
			t.Errorf("%q became more than one line", name)
		}
	})
}
