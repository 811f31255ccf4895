package fetch

import (
	"strings"
	"testing"
	"unicode"
)

// FuzzParseSources: people copy sources from mails and pages. Whatever they are,
// what is said of one that is none repeats no password and no control character.
func FuzzParseSources(f *testing.F) {
	for _, arg := range []string{
		"https://host/file?sig=x#sha256=ab", "star://host:7070/a%2Fb", "mesh:2yGEb", "\x1b[2J", "http://[::1]:x/",
		strings.Repeat("ab", 32) + "/below", "https://host/" + strings.Repeat("a/", 300),
	} {
		f.Add(arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		const secret = "hunter2hunter2"
		for _, arg := range []string{arg, "https://ann:" + secret + "@" + arg, "ann:" + secret + "@" + arg} {
			_, err := ParseSources([]string{arg})
			if err == nil {
				continue
			}
			if text := err.Error(); strings.Contains(text, secret) {
				t.Errorf("%q: the password is told: %s", arg, text)
			} else if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) }) {
				t.Errorf("%q: not fit to be printed: %q", arg, text)
			}
		}
	})
}
