package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"starmesh/common/atomicfile"
)

func writes(text string, err error) func(io.Writer) error {
	return func(w io.Writer) error {
		_, _ = io.WriteString(w, text) // a buffer takes all
		return err
	}
}

// alone tells that nothing but the file is in its folder, with that text.
func alone(t *testing.T, name, text string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != text {
		t.Errorf("%s holds %q, %v; want %q", name, got, err, text)
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside it: %v, %v", entries, err)
	}
}

func TestAFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.json")
	for _, text := range []string{"first", "second", strings.Repeat("long ", 100_000)} {
		if err := atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, writes(text, nil)); err != nil {
			t.Fatal(err)
		}
		alone(t, name, text)
		if err := atomicfile.Write(name, atomicfile.Options{Perm: 0o644, NoSync: true}, writes(text, nil)); err != nil {
			t.Fatal(err)
		}
		alone(t, name, text)
	}
	failed := errors.New("the numbers are wrong")
	err := atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, writes(strings.Repeat("half ", 100_000), failed))
	if err != failed {
		t.Errorf("got %v", err)
	}
	alone(t, name, strings.Repeat("long ", 100_000))
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode here")
	}
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(name, atomicfile.Options{Perm: 0o600}, writes("secret", nil)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestOneOfManyMakesANewFile: the others fail, and what is there is not mixed.
func TestOneOfManyMakesANewFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := atomicfile.Write(name, atomicfile.Options{Perm: 0o600, New: true}, writes("secret", nil))
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d made it", made.Load())
	}
	alone(t, name, "secret")
}

func TestWhatIsWrongIsSaidOfTheFileThatWasNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nowhere", "page.html")
	folder := t.TempDir()
	for name, kind := range map[string]error{missing: fs.ErrNotExist, folder: nil} {
		err := atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, writes("text", nil))
		var path *fs.PathError
		if !errors.As(err, &path) || path.Path != name || kind != nil && !errors.Is(err, kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(folder), ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
