package content

import (
	"errors"
	"testing"

	"starmesh/common/fault"
)

func TestNamesInAddresses(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", "a.bin": "a.bin", "a/b/": "a/b/", "a%20b": "a b", "a b": "a b", "what%3F.txt": "what?.txt",
		"100%25": "100%", "a%2520b": "a%20b", "c%23": "c#", "a+b": "a+b", "%C3%BC": "ü", "ü": "ü", "a%2Fb": "a/b",
	} {
		if got, err := PathInURL(raw); err != nil || got != want {
			t.Errorf("%q is %q, %v; not %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"what?.txt", "what?", "?", "a#b", "100%", "%zz", "%", "a//b", "/a", "../a", "a/%2e%2e/b", "%00", "a%5Cb", "a%0A", "%FF", "/",
	} {
		if got, err := PathInURL(raw); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q is %q, %v", raw, got, err)
		}
	}
}
