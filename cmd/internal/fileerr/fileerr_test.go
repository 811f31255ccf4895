package fileerr_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"starmesh/cmd/internal/fileerr"
)

func TestWhatIsWrongIsSaidOfTheFileThatWasNamed(t *testing.T) {
	name := filepath.Join("results", "page.html")
	link := &os.LinkError{Op: "rename", Old: "aside", New: "there", Err: fs.ErrExist}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("the numbers are wrong"), "results/page.html: the numbers are wrong"},
		{&fs.PathError{Op: "open", Path: "aside", Err: fs.ErrNotExist}, "results/page.html: file does not exist"},
		{link, "results/page.html: file already exists"},
	} {
		err := fileerr.Named(name, c.err)
		var named *fileerr.Error
		if err.Error() != c.want || !errors.As(err, &named) || named.Name != "results/page.html" {
			t.Errorf("%v", err)
		}
	}
	if !errors.Is(fileerr.Named(name, link), fs.ErrExist) {
		t.Error("the cause is lost")
	}
	if err := fileerr.Named(name, nil); err != nil {
		t.Errorf("nothing is wrong, but %v", err)
	}
}
