package readable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"starmesh/common/readable"
)

func TestJSONIsPlainBeforeItIsDecoded(t *testing.T) {
	for in, want := range map[string]string{
		`"plain"`:                     "plain",
		"\"B\u00fccher 漢 👍🏽\"":        "Bücher 漢 👍🏽",
		`"\u001b[2J\b\f\r"`:           `\u001b[2J\u0008\u000c\u000d`,
		`"two\nlines\tand \"so\" \\"`: "two\nlines\tand \"so\" \\",
		"\"fdp\u202eexe.\u009b\"":     `fdp\u202eexe.\u009b`,
		`"\u202e\u00fc\ud83d\udc4d"`:  `\u202eü👍`,
		`"\udb40\udc41 \ud83d"`:       `\udb40\udc41 ` + `\ufffd`,
		"\"\x7f\"":                    `\u007f`,
		"\"\xff\xfe\"":                `\xff\xfe`,
	} {
		var got string
		if err := json.Unmarshal(readable.PlainJSON([]byte(in)), &got); err != nil || got != want {
			t.Errorf("%q became %q, not %q: %v", in, got, want, err)
		}
	}
}

func FuzzPlainJSON(f *testing.F) {
	f.Add([]byte(`{"a":"\u001b\ud83d\ude00","b":["` + "\u202e\xff" + `\\u202e"]}`))
	f.Add([]byte(`"\ud800\u0041"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var before, after any
		failed, plain := json.Unmarshal(text, &before), readable.PlainJSON(text)
		if err := json.Unmarshal(plain, &after); (err == nil) != (failed == nil) {
			t.Fatalf("%q became %q: %v, %v", text, plain, failed, err)
		}
		if s, ok := after.(string); ok && strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' && r != '\t' }) {
			t.Errorf("%q became %q", text, s)
		}
		if twice := readable.PlainJSON(plain); string(twice) != string(plain) {
			t.Errorf("%q became %q, and then %q", text, plain, twice)
		}
	})
}
