package fleet

import (
	"strings"
	"testing"
)

// FuzzParseCode: what is taken for a code is it in one way only, but for case and
// white space around, and an error does not repeat what may be one with a slip.
func FuzzParseCode(f *testing.F) {
	f.Add(NewCode().String())
	f.Add(" aaaaaaaaaaaaaaaaaaaaaaaaab\n")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := ParseCode(text)
		if err != nil {
			if len(text) > 10 && strings.Contains(err.Error(), text) {
				t.Errorf("%q is told: %v", text, err)
			}
			return
		}
		if again, err := ParseCode(code.String()); err != nil || again != code {
			t.Errorf("%q became %v, %v", text, again, err)
		}
	})
}
