package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"starmesh/common/store"
)

// A listing has what a server would show, and names the rest.
func TestAListingLeavesOutWhatAServerWould(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("such names can only be made on Linux")
	}
	root, dir := folder(t)
	for _, name := range []string{"a/b/c", "f", ".hidden", "f.part", `back\slash`, "con/x", "new\nline"} {
		oldFile(t, filepath.Join(dir, name), []byte(name))
	}
	os.Symlink("f", dir+"/link")
	files, left, err := store.ListFolder(t.Context(), root)
	if err != nil || fmt.Sprint(namesOf(files)) != "[a/b/c f]" || files[0].Size != 5 || files[0].Mode == 0 {
		t.Errorf("%+v, %v", files, err)
	}
	if left.Count != 4 || len(left.Examples) != 4 {
		t.Errorf("%+v", left)
	}
	os.RemoveAll(dir)
	if _, _, err := store.ListFolder(t.Context(), root); err == nil {
		t.Skip("a folder that is open is still there")
	} else if errors.Is(err, t.Context().Err()) {
		t.Error(err)
	}
}
