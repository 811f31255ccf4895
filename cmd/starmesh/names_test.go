package main

import (
	"strings"
	"testing"

	"starmesh/common/content"
)

func TestNamesAFileGetsHere(t *testing.T) {
	for _, c := range []struct{ asked, name, here string }{
		{"model.bin", "model.bin", "model.bin"},
		{"a/b/model.bin", "a/b/model.bin", "model.bin"},
		{"photos", "photos/2024/a.jpg", "photos/2024/a.jpg"},
		{"photos/2024", "photos/2024/a.jpg", "2024/a.jpg"},
		{"", "photos/2024/a.jpg", "photos/2024/a.jpg"},
	} {
		if got := relative(c.asked, c.name); got != c.here {
			t.Errorf("%q, found under %q, is called %q here, not %q", c.name, c.asked, got, c.here)
		}
	}
}

func TestNamesAreTrimmedToWhatServersKnow(t *testing.T) {
	for in, want := range map[string]string{
		"/": "", ".": "", "": "", "a": "a", "a/": "a", "/a/b/": "a/b", "./a": "a",
	} {
		if got := trimSlashes(in); got != want {
			t.Errorf("trimSlashes(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNamesDoNotControlTheTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"photo 1.jpg": "photo 1.jpg", "überraschung.txt": "überraschung.txt", "星.bin": "星.bin",
		"a\x1b[31m": `"a\x1b[31m"`, "a\nb": `"a\nb"`, "\u202egpj.exe": `"\u202egpj.exe"`,
	} {
		if got := printableName(in); got != want {
			t.Errorf("printableName(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestSumLinesThatAreWrong(t *testing.T) {
	hex := strings.Repeat("a1", 32)
	for _, line := range []string{
		"", "x", hex, hex + "  ", hex + " *x", hex + " x", "\\" + hex + "  a\\b", "\\" + hex + "  a\\",
		strings.ToUpper(hex) + "  x", "g" + hex[1:] + "  x", hex + "  a\x00b", hex + "  a\xff", hex + "  a\ufffd",
	} {
		if id, name, err := parseSumLine(line); err == nil {
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
		line := sumLine(id, name)
		gotID, got, err := parseSumLine(line)
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
