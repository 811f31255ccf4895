package store

import (
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"lukechampine.com/blake3"

	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	partSuffix  = ".part"           // the data of a file in the making
	stateSuffix = ".part.state"     // what is known about it
	freshSuffix = ".part.state.new" // a state that is being written aside
)

// names are those of one file in the making, all in one folder of the root.
type names struct {
	final, data, state, fresh string
	dir                       string
}

// namesOf checks name and derives the others from it. A name so long that a
// suffix would make it longer than disks allow is cut, and made unique again
// by its hash.
func namesOf(name string) (names, error) {
	if err := content.CheckPath(name); err != nil {
		return names{}, err
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return names{}, fault.Wrapf(fault.Invalid, "%q is no name for a file on this system", name)
	}
	dir, base := path.Split(name)
	if len(base)+len(freshSuffix) > content.MaxElement {
		sum := blake3.Sum256([]byte(base))
		cut := 200
		for !utf8.RuneStart(base[cut]) {
			cut--
		}
		base = base[:cut] + "~" + hex.EncodeToString(sum[:6])
	}
	stem := dir + base
	return names{
		final: name, data: stem + partSuffix, state: stem + stateSuffix, fresh: stem + freshSuffix,
		dir: path.Dir(name),
	}, nil
}

// Visible reports whether a folder shows a file of this name: dot-files, files
// in dot-folders and files in the making stay hidden.
func Visible(name string) bool {
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, ".") {
			return false
		}
	}
	for _, suffix := range []string{partSuffix, stateSuffix, freshSuffix} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return true
}

// isFile reports whether name, in root, is (still) the open file f.
func isFile(root *os.Root, name string, f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	found, err := root.Lstat(name)
	return err == nil && os.SameFile(opened, found)
}
