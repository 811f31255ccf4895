package store_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

func TestTargetThatExists(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(100)
	list := storetest.List(t, data)
	if err := os.WriteFile(dir+"/f", []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := store.Create(root, "f", list, store.Options{})
	if !errors.Is(err, fault.Exists) || fault.HintOf(err) != fault.HintReplace {
		t.Error(err)
	}
	wantFiles(t, dir, "f")
	p := create(t, root, "f", list, store.Options{Force: true})
	fill(t, p, data)
	wantContent(t, dir+"/f", []byte("mine")) // until it is replaced at once
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "f")
	wantContent(t, dir+"/f", data)
}

func TestTargetThatAppearsMeanwhile(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(100)
	p := create(t, root, "f", storetest.List(t, data), store.Options{})
	fill(t, p, data)
	if err := os.WriteFile(dir+"/f", []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := p.Finish(); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
	wantContent(t, dir+"/f", []byte("mine"))
	wantFiles(t, dir, "f", "f.part", "f.part.state")
	os.Remove(dir + "/f")
	if err := p.Finish(); err != nil {
		t.Error("once more:", err)
	}
	wantFiles(t, dir, "f")
	wantContent(t, dir+"/f", data)
}

func TestTargetThatIsAFolder(t *testing.T) {
	root, dir := folder(t)
	os.Mkdir(dir+"/f", 0o777)
	for _, force := range []bool{false, true} {
		_, err := store.Create(root, "f", storetest.List(t, nil), store.Options{Force: force})
		if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "is a folder") {
			t.Error(err)
		}
	}
	wantFiles(t, dir)
}

func TestSomethingElseInTheMaking(t *testing.T) {
	root, dir := folder(t)
	one, two := storetest.Content(3*content.MinChunk), storetest.Content(3*content.MinChunk+1)
	listOne, listTwo := storetest.List(t, one), storetest.List(t, two)
	p := create(t, root, "f", listOne, store.Options{})
	put(t, p, one, 1)
	p.Close()
	_, err := store.Create(root, "f", listTwo, store.Options{})
	if !errors.Is(err, fault.Exists) || fault.HintOf(err) != fault.HintStartOver ||
		!strings.Contains(err.Error(), listOne.ID().String()) || !strings.Contains(err.Error(), listTwo.ID().String()) {
		t.Error(err)
	}
	p = create(t, root, "f", listOne, store.Options{}) // nothing was lost by asking
	if !p.Have().Has(1) {
		t.Error("the chunk is gone")
	}
	p.Close()
	p = create(t, root, "f", listTwo, store.Options{Force: true})
	if p.Resumed() != 0 {
		t.Error("resumed", p.Resumed())
	}
	fill(t, p, two)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, dir+"/f", two)
	wantFiles(t, dir, "f")
}

func TestASecondPartOnTheSameTarget(t *testing.T) {
	root, _ := folder(t)
	list := storetest.List(t, storetest.Content(100))
	p := create(t, root, "f", list, store.Options{})
	for _, force := range []bool{false, true} {
		if _, err := store.Create(root, "f", list, store.Options{Force: force}); !errors.Is(err, fault.InUse) {
			t.Error(err)
		}
	}
	p.Close()
	create(t, root, "f", list, store.Options{})
}

func TestNamesThatCanNotBe(t *testing.T) {
	root, dir := folder(t)
	list := storetest.List(t, nil)
	for _, name := range []string{"", ".", "..", "../f", "/f", "a/../../f", "a//b", `a\b`, "a\x00b", "CON", "C:f", strings.Repeat("x", 256)} {
		if _, err := store.Create(root, name, list, store.Options{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("%.20q: %v", name, err)
		}
	}
	wantFiles(t, dir)
}

func TestTheLongestNames(t *testing.T) {
	root, dir := folder(t)
	list := storetest.List(t, nil)
	for _, name := range []string{strings.Repeat("x", 255), strings.Repeat("x", 254) + "y", strings.Repeat("é", 127), strings.Repeat("x", 240)} {
		p := create(t, root, name, list, store.Options{})
		if _, ok := store.Saved(root, name); !ok {
			t.Error("not saved")
		}
		if err := p.Finish(); err != nil {
			t.Error(err)
		}
	}
	if got := files(t, dir); len(got) != 4 {
		t.Errorf("%q", got)
	}
}

func TestLinksLeadNowhere(t *testing.T) {
	root, dir := folder(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, dir+"/out"); err != nil {
		t.Fatal(err)
	}
	list := storetest.List(t, storetest.Content(10))
	if _, err := store.Create(root, "out/f", list, store.Options{}); !errors.Is(err, fault.Invalid) {
		t.Error("through a link:", err)
	}
	for _, suffix := range []string{".part", ".part.state", ".part.state.new"} {
		os.WriteFile(outside+"/victim", []byte("victim"), 0o666)
		if err := os.Symlink(outside+"/victim", dir+"/f"+suffix); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(root, "f", list, store.Options{Force: true}); !errors.Is(err, fault.Exists) {
			t.Errorf("a link as %s: %v", suffix, err)
		}
		os.Remove(dir + "/f" + suffix)
		os.Remove(dir + "/f.part.state")
		wantContent(t, outside+"/victim", []byte("victim"))
	}
	os.Remove(outside + "/victim")
	wantFiles(t, outside)
	// A link with the final name is replaced, not followed.
	if err := os.Symlink(outside+"/new", dir+"/f"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(root, "f", list, store.Options{}); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
	p := create(t, root, "f", list, store.Options{Force: true})
	fill(t, p, storetest.Content(10))
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantFiles(t, outside)
	wantContent(t, dir+"/f", storetest.Content(10))
}

func TestAFileInThePlaceOfAFolder(t *testing.T) {
	root, dir := folder(t)
	os.WriteFile(dir+"/a", nil, 0o666)
	if _, err := store.Create(root, "a/f", storetest.List(t, nil), store.Options{}); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
}

func TestFoldersInTheWayOfTheParts(t *testing.T) {
	for _, suffix := range []string{".part", ".part.state", ".part.state.new"} {
		root, dir := folder(t)
		os.MkdirAll(dir+"/f"+suffix, 0o777)
		_, err := store.Create(root, "f", storetest.List(t, nil), store.Options{})
		if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "a folder") {
			t.Errorf("%s: %v", suffix, err)
		}
	}
}

func TestNoPermission(t *testing.T) {
	if os.Getuid() == 0 {
		asUser(t, "TestNoPermission")
		return
	}
	root, dir := folder(t)
	data := storetest.Content(100)
	list := storetest.List(t, data)
	os.Mkdir(dir+"/locked", 0o555)
	if _, err := store.Create(root, "locked/f", list, store.Options{}); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "permission") {
		t.Error("a folder that can not be written to:", err)
	}
	if _, err := store.Create(root, "locked/sub/f", list, store.Options{}); !errors.Is(err, fault.Refused) {
		t.Error("a folder below one:", err)
	}
	// A finished mode without writing must not be in the way of going on.
	p := create(t, root, "f", list, store.Options{Mode: 0o444})
	fill(t, p, data)
	p.Close()
	os.Chmod(dir+"/f.part", 0o444)
	p = create(t, root, "f", list, store.Options{Mode: 0o444})
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantContent(t, dir+"/f", data)
	if _, err := store.HashFile(t.Context(), noRead(t, dir), nil, nil); !errors.Is(err, fault.Refused) {
		t.Error("hashing what can not be read:", err)
	}
}

func noRead(t *testing.T, dir string) string {
	t.Helper()
	if err := os.WriteFile(dir+"/unreadable", []byte("x"), 0o200); err != nil {
		t.Fatal(err)
	}
	return dir + "/unreadable"
}

// NAME.part may be another program's, or a file that is called so.
func TestAStrangersPartIsNotTouched(t *testing.T) {
	data, theirs := storetest.Content(3*content.MinChunk), bytes.Repeat([]byte("theirs"), 30000)
	list := storetest.List(t, data)
	for name, state := range map[string][]byte{"no state": nil, "killed while looking at it": store.EncodeState(list, true)} {
		root, dir := folder(t)
		os.WriteFile(dir+"/f.part", theirs, 0o666)
		if state != nil {
			os.WriteFile(dir+"/f.part.state", state, 0o666)
		}
		_, err := store.Create(root, "f", list, store.Options{})
		if !errors.Is(err, fault.Exists) || !strings.Contains(err.Error(), "f.part is there and has nothing of this file") {
			t.Errorf("%s: %v", name, err)
		}
		wantFiles(t, dir, "f.part")
		wantContent(t, dir+"/f.part", theirs)
		p := create(t, root, "f", list, store.Options{Force: true})
		if p.Resumed() != 0 {
			t.Errorf("%s: %d bytes of theirs", name, p.Resumed())
		}
		fill(t, p, data)
		if err := p.Finish(); err != nil {
			t.Error(err)
		}
		wantFiles(t, dir, "f")
		wantContent(t, dir+"/f", data)
	}
}

// Two files, one of which is called as the other's part.
func TestFilesCalledPart(t *testing.T) {
	root, dir := folder(t)
	one, two := storetest.Content(100), storetest.Content(200)
	p := create(t, root, "f.part", storetest.List(t, one), store.Options{})
	fill(t, p, one)
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(root, "f", storetest.List(t, two), store.Options{}); !errors.Is(err, fault.Exists) {
		t.Error(err)
	}
	wantFiles(t, dir, "f.part")
	wantContent(t, dir+"/f.part", one)
}
