package scenario

import (
	"strings"
	"testing"
)

// FuzzParseProfile: what is read of a profile is links that can be made.
func FuzzParseProfile(f *testing.F) {
	for _, text := range []string{"1-4 5mbit 40mbit", "origin 40mbit 0\n# words\n3 1kbit 1kbit # more", "4-1 1mbit 1mbit", "-1 1mbit 1mbit", "1-99999999999999999999 1 1", "1 -5mbit 1mbit"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseProfile(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range all {
			if e.From < 0 || e.To < e.From || e.Up < 0 || e.Down < 0 {
				t.Errorf("%q became %+v", text, e)
			}
		}
	})
}
