package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"starmesh/common/content"
)

// someList returns a chunk list without hashing, another one for each kind.
func someList(t *testing.T, kind int) content.ChunkList {
	t.Helper()
	cv := make([]byte, content.CVSize)
	cv[0] = byte(kind) + 1
	list, err := content.NewChunkList(int64(kind)+1, cv)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// simple is an index as a map: slow and plainly right. It holds what is told:
// the files whose content is known.
type simple map[string]content.ID

func (s simple) apply(t *testing.T, events []Event) {
	t.Helper()
	for _, e := range events {
		id, there := s[e.Entry.Name]
		switch {
		case e.Kind == Appeared && !there, e.Kind == Changed && there && id != e.Entry.ID:
			s[e.Entry.Name] = e.Entry.ID
		case e.Kind == Gone && there && id == e.Entry.ID:
			delete(s, e.Entry.Name)
		default:
			t.Fatalf("%s %s, where %v is known", e.Kind, e.Entry.Name, there)
		}
	}
}

var someNames = []string{"a", "a/b", "a/b/c", "a-b", "a.txt", "ab", "a0", "b", "b/a", "c/a/b", "c/a0", "z"}

// Scans, hashes and removals in any order: the index agrees with what really
// is on the (imagined) disk after each scan, and the events tell the same.
func TestIndexAgreesWithTheDisk(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		x, told, disk := newIndex(), simple{}, map[string]file{}
		clock := int64(0)
		for range 30 {
			name := someNames[r.IntN(len(someNames))]
			switch r.IntN(4) {
			case 0:
				clock++
				disk[name] = file{name: name, stamp: Stamp{Size: clock, ModTime: clock}}
			case 1:
				delete(disk, name)
			case 2:
				if f, ok := disk[name]; ok {
					told.apply(t, x.know(f, someList(t, r.IntN(3))))
				} else {
					told.apply(t, x.forget(name))
				}
			case 3:
				scanDisk(x, told, disk, t, func() {
					name := someNames[r.IntN(len(someNames))]
					switch r.IntN(4) {
					case 0:
						told.apply(t, x.forget(name))
					case 1:
						told.apply(t, x.know(file{name: name, stamp: Stamp{Size: 1 << 40}}, someList(t, r.IntN(3))))
					}
				})
			}
			checkIndex(t, x)
		}
		scanDisk(x, told, disk, t, func() {})
		checkIndex(t, x)
		if got, want := x.names, slices.Sorted(maps.Keys(disk)); !slices.Equal(got, want) {
			t.Fatalf("it has %q, the disk %q", got, want)
		}
		for name, f := range disk {
			if x.records[name].stamp != f.stamp {
				t.Fatalf("%s has another stamp", name)
			}
		}
	}
}

// scanDisk scans, and lets others get at the index meanwhile.
func scanDisk(x *index, told simple, disk map[string]file, t *testing.T, meanwhile func()) {
	t.Helper()
	x.scan++
	for _, f := range disk {
		x.see(f)
		meanwhile()
	}
	told.apply(t, x.sweep(nil))
}

// checkIndex holds what is always true of an index.
func checkIndex(t *testing.T, x *index) {
	t.Helper()
	if !slices.IsSorted(x.names) || len(slices.Compact(slices.Clone(x.names))) != len(x.records) {
		t.Fatalf("%d records, names %q", len(x.records), x.names)
	}
	known := 0
	for name, r := range x.records {
		if r.entry.Name != name {
			t.Fatalf("%s is called %s", name, r.entry.Name)
		}
		if !r.entry.ID.IsZero() {
			known++
			if !slices.Contains(x.byID[r.entry.ID], name) || r.list.ID() != r.entry.ID {
				t.Fatalf("%s is not found by its id", name)
			}
		}
	}
	for _, names := range x.byID {
		known -= len(names)
	}
	if known != 0 {
		t.Fatalf("%d ids too many or too few", -known)
	}
}

// A file put there while a scan is on its way, which the scan has not seen, is
// not gone; and a file that the scan saw before it changed keeps its new look.
func TestAScanThatIsBehindChangesNothing(t *testing.T) {
	x, told := newIndex(), simple{}
	before := file{name: "a", stamp: Stamp{Size: 1, ModTime: 1}}
	told.apply(t, x.know(before, someList(t, 0)))
	x.scan++
	after := file{name: "a", stamp: Stamp{Size: 2, ModTime: 2}}
	told.apply(t, x.know(after, someList(t, 1)))
	told.apply(t, x.know(file{name: "b", stamp: Stamp{Size: 3}}, someList(t, 2)))
	x.see(before)
	if events := x.sweep(nil); len(events) != 0 {
		t.Errorf("%v", events)
	}
	if r := x.records["a"]; r.stamp != after.stamp || r.entry.ID != someList(t, 1).ID() {
		t.Error("the scan brought the old content back")
	}
	x.scan++
	if events := x.sweep(nil); len(events) != 2 {
		t.Errorf("the next scan found neither: %v", events)
	}
}

func TestFindAgreesWithTheSimpleWay(t *testing.T) {
	x := newIndex()
	for i, name := range someNames {
		x.see(file{name: name})
		if i%2 == 0 {
			x.know(file{name: name}, someList(t, 0))
		}
	}
	x.sweep(nil)
	places := append([]string{"", "c", "c/a", "none", "a/", "zz"}, someNames...)
	for _, prefix := range places {
		for _, after := range places {
			for limit := range len(someNames) + 2 {
				want := findSimply(prefix, after)
				more := limit > 0 && len(want) > limit
				if more {
					want = want[:limit]
				}
				entries, gotMore := x.find(strings.TrimSuffix(prefix, "/"), after, limit)
				var got []string
				for _, e := range entries {
					got = append(got, e.Name)
				}
				if !slices.Equal(got, want) || gotMore != more {
					t.Fatalf("at %q after %q up to %d: %q, %v; not %q, %v", prefix, after, limit, got, gotMore, want, more)
				}
			}
		}
	}
}

func findSimply(prefix, after string) []string {
	prefix = strings.TrimSuffix(prefix, "/")
	var found []string
	for _, name := range slices.Sorted(slices.Values(someNames)) {
		if name > after && (prefix == "" || name == prefix || strings.HasPrefix(name, prefix+"/")) {
			found = append(found, name)
		}
	}
	return found
}

func TestEventKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for k := Appeared; k <= Lost+1; k++ {
		seen[fmt.Sprint(k)] = true
	}
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
}
