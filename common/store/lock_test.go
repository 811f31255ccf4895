package store

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
)

func lockFolder(t *testing.T) (*os.Root, names, content.ChunkList) {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	n, err := namesOf("f")
	if err != nil {
		t.Fatal(err)
	}
	return root, n, someList(t, 0)
}

// Between opening a state and locking it, its owner may have finished: then
// the lock is that of a file nobody will look at again.
func TestALockOnAFileThatIsGoneIsNoLock(t *testing.T) {
	for name, change := range map[string]func(root *os.Root) error{
		"removed":  func(root *os.Root) error { return root.Remove("f.part.state") },
		"renamed":  func(root *os.Root) error { return root.Rename("f.part.state", "g") },
		"replaced": func(root *os.Root) error { return root.Rename("other", "f.part.state") },
	} {
		root, n, _ := lockFolder(t)
		root.WriteFile("other", nil, 0o666)
		f, err := root.Create(n.state)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(root); err != nil {
			t.Fatal(err)
		}
		if held, err := takeLock(root, f, n.state, n.final); held || err != nil {
			t.Errorf("%s: %v, %v", name, held, err)
		}
		if _, err := f.Stat(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: the file is still open", name)
		}
	}
}

// Two that find no state begin at once: the second finds the first's.
func TestAStateMadeByAnotherMeanwhileIsNotReplaced(t *testing.T) {
	root, n, list := lockFolder(t)
	first, err := newState(root, n, list, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := newState(root, n, list, nil, false); !errors.Is(err, fault.InUse) {
		t.Error(err)
	}
	if !isFile(root, n.state, first) {
		t.Error("the first one's state was replaced")
	}
	if _, err := root.Lstat(n.fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something is left:", err)
	}
}

// While one writes a state aside, another does not touch it.
func TestAStateBeingWrittenAsideIsLeftAlone(t *testing.T) {
	root, n, list := lockFolder(t)
	f, err := root.Create(n.fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if held, err := takeLock(root, f, n.fresh, n.final); !held || err != nil {
		t.Skip("this system has no locks:", err)
	}
	if _, err := newState(root, n, list, nil, false); !errors.Is(err, fault.InUse) {
		t.Error(err)
	}
}

func TestExplainKeepsTheKind(t *testing.T) {
	root, _, _ := lockFolder(t)
	_, escapes := root.Open("../x")
	_, missing := root.Open("x")
	unknown := errors.New("something else")
	for _, c := range []struct{ err, kind error }{
		{escapes, fault.Invalid}, {missing, fault.NotFound}, {unknown, unknown},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, fault.Refused}, {fs.ErrPermission, fault.Refused},
		{fault.Wrapf(fault.Exists, "x"), fault.Exists},
	} {
		if got := explain(c.err, "name"); !errors.Is(got, c.kind) {
			t.Errorf("%v became %v", c.err, got)
		}
	}
	if explain(nil, "name") != nil {
		t.Error("nil became an error")
	}
}
