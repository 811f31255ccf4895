package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"golang.org/x/text/unicode/norm"

	"starmesh/common/fault"
)

// Clashes returns which of names the disk of root takes for one before it, with
// why: names that differ in the case of letters only, or in how Unicode composes
// them, where the disk tells such names not apart. One would take the other's
// place.
func Clashes(root *os.Root, names []string) map[string]error {
	return clashes(names, func(a, b string) bool { return areOne(root, a, b) })
}

func clashes(names []string, areOne func(a, b string) bool) map[string]error {
	first, failed := make(map[string]string, len(names)), map[string]error{}
	known := map[bool]bool{} // by whether case is the difference: one look at the disk for each
	for _, name := range names {
		composed := norm.NFC.String(name)
		key := strings.ToLower(composed)
		before, taken := first[key]
		if !taken {
			first[key] = name
		}
		if !taken || before == name {
			continue
		}
		byCase, a, b := norm.NFC.String(before) != composed, "\u00e9", "e\u0301"
		if byCase {
			a, b = "A", "a"
		}
		one, looked := known[byCase]
		if !looked {
			one = areOne(a, b)
			known[byCase] = one
		}
		if one {
			failed[name] = fault.Wrapf(fault.Exists, "%s and %s are one name on this disk: fetch one of them alone, to another folder", before, name)
		}
	}
	return failed
}

// areOne reports whether the disk of root takes a and b for one name.
func areOne(root *os.Root, a, b string) bool {
	stem := fmt.Sprintf(".%016x", rand.Uint64())
	f, err := root.OpenFile(stem+a+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false // nothing else can be written there either, and that will say why
	}
	f.Close()
	_, err = root.Lstat(stem + b + partSuffix)
	root.Remove(stem + a + partSuffix)
	return err == nil
}
