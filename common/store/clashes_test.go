package store

import (
	"errors"
	"maps"
	"os"
	"slices"
	"testing"

	"starmesh/common/fault"
)

func TestClashesAreNamesThatTheDiskTakesForOne(t *testing.T) {
	names := []string{"A/x", "a/X", "a/x", "b", "caf\u00e9", "cafe\u0301", "CAF\u00c9", "b-", "b"}
	looks := 0
	for _, disk := range []struct {
		cases, composed bool // are one
		want            []string
	}{
		{false, false, nil},
		{true, false, []string{"CAF\u00c9", "a/X", "a/x"}},
		{false, true, []string{"cafe\u0301"}},
		{true, true, []string{"CAF\u00c9", "a/X", "a/x", "cafe\u0301"}},
	} {
		failed := clashes(names, func(a, _ string) bool {
			looks++
			return a == "A" && disk.cases || a != "A" && disk.composed
		})
		if got := slices.Sorted(maps.Keys(failed)); !slices.Equal(got, disk.want) {
			t.Errorf("%+v: %q", disk, got)
		}
		for name, why := range failed {
			if !errors.Is(why, fault.Exists) {
				t.Errorf("%s: %v", name, why)
			}
		}
	}
	if looks != 8 {
		t.Errorf("the disk was looked at %d times", looks)
	}
}

// What is asked of the disk is what it does, and leaves nothing there.
func TestADiskIsAskedForWhatItTellsApart(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	got := Clashes(root, []string{"A", "a"})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	if err := errors.Join(root.WriteFile("A", []byte("A"), 0o666), root.WriteFile("a", []byte("a"), 0o666)); err != nil {
		t.Fatal(err)
	}
	b, err := root.ReadFile("A")
	if one := string(b) == "a"; err != nil || one != (got["a"] != nil) || got["A"] != nil {
		t.Errorf("one name: %v, said was %v, %v", one, got, err)
	}
}
