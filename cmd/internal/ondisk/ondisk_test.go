package ondisk_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starmesh/cmd/internal/ondisk"
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
	for _, text := range []string{"first", "second"} {
		if err := ondisk.Save(name, writes(text, nil)); err != nil {
			t.Fatal(err)
		}
		alone(t, name, text)
	}
	failed := errors.New("the numbers are wrong")
	if err := ondisk.Save(name, writes("half of it", failed)); !errors.Is(err, failed) || err.Error() != filepath.ToSlash(name)+": the numbers are wrong" {
		t.Errorf("got %v", err)
	}
	alone(t, name, "second")
}

func TestWhatIsWrongIsSaidOfTheFileThatWasNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nowhere", "page.html")
	err := ondisk.Save(missing, writes("text", nil))
	if words, ok := strings.CutPrefix(err.Error(), filepath.ToSlash(missing)+": "); !ok || !errors.Is(err, fs.ErrNotExist) || strings.Contains(words, "page.html") {
		t.Errorf("got %v", err)
	}
	folder := t.TempDir()
	err = ondisk.Save(folder, writes("text", nil))
	var named *ondisk.Error
	if !errors.As(err, &named) || named.Name != filepath.ToSlash(folder) {
		t.Errorf("in the place of a folder: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(folder), ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
