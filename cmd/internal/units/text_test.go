package units

import "testing"

func TestNamesDoNotControlTheTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"photo 1.jpg": "photo 1.jpg", "überraschung.txt": "überraschung.txt", "星.bin": "星.bin",
		"a\x1b[31m": `"a\x1b[31m"`, "a\nb": `"a\nb"`, "\u202egpj.exe": `"\u202egpj.exe"`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %s, want %s", in, got, want)
		}
	}
}
