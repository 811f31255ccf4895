package readable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"starmesh/common/readable"
)

func TestTextIsSeenAndNotObeyed(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"plain words":         "plain words",
		"Bücher λ 漢":          "Bücher λ 漢",
		"a\u00a0b 👍🏽":         "a\u00a0b 👍🏽",
		"\x1b[31mred\x1b[0m":  `\x1b[31mred\x1b[0m`,
		"two\r\nlines\tand\a": `two\r\nlines\tand\a`,
		"\u009b31m\x7f":       `\u009b31m\x7f`,
		"\xff\xfe":            `\xff\xfe`,
		"\ufffd":              "\ufffd",
		"fdp\u202eexe.":       `fdp\u202eexe.`, // read from right to left
		"\u2066\u2069\u200f":  `\u2066\u2069\u200f`,
		"\u2028\U000e0041":    `\u2028\U000e0041`,
	} {
		if got := readable.Text(in); got != want {
			t.Errorf("%q became %s, not %s", in, got, want)
		}
	}
	if got := readable.Lines("a\tb\nc\rd"); got != "a\tb\nc\\rd" {
		t.Errorf("lines became %q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\u202e\x1b\xff\ufffd\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		for _, text := range []string{readable.Text(s), readable.Lines(s)} {
			for _, r := range strings.NewReplacer("\n", "", "\t", "").Replace(text) {
				if !unicode.IsGraphic(r) {
					t.Errorf("%q has %q", text, r)
				}
			}
		}
		before, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b string
		after := readable.JSON(string(before))
		if json.Unmarshal(before, &a) != nil || json.Unmarshal([]byte(after), &b) != nil || a != b {
			t.Errorf("%s became %s", before, after)
		}
		if strings.ContainsFunc(after, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q obeys", after)
		}
	})
}

func TestLongTextsAreCut(t *testing.T) {
	for _, c := range []struct{ in, want string }{{"漢漢漢", "漢漢漢"}, {"漢漢漢漢", "漢漢…"}, {"", ""}} {
		if got := readable.Cut(c.in, 3); got != c.want {
			t.Errorf("%q became %q", c.in, got)
		}
	}
}

func TestLongListsAreCut(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"a"}, "a"},
		{[]string{"a", "b"}, "a, b"},
		{[]string{"a", "b", "c", "d"}, "a, b and 2 more"},
	} {
		if got := readable.List(c.names, 2); got != c.want {
			t.Errorf("%q became %q", c.names, got)
		}
	}
}
