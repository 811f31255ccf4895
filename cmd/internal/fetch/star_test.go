package fetch

import "testing"

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
		if got := TrimSlashes(in); got != want {
			t.Errorf("TrimSlashes(%q) = %q, want %q", in, got, want)
		}
	}
}
