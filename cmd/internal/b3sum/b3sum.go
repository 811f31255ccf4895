// Package b3sum computes ids of whatever can be read, and writes and reads lists
// of them, as the program b3sum does.
package b3sum

import (
	"errors"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"starmesh/common/content"
)

// Line returns one line of b3sum's output. Its format is b3sum's README's,
// "Checking": a name with a backslash or a newline is escaped, and the line
// then begins with a backslash; bytes that are no UTF-8 become U+FFFD.
func Line(id content.ID, name string) string {
	mark, name := Escape(name)
	return mark + id.String() + "  " + name
}

// Escape returns the name as b3sum writes it, and the mark for its line.
func Escape(name string) (mark, escaped string) {
	name = strings.ToValidUTF8(filepath.ToSlash(name), string(utf8.RuneError))
	if !strings.ContainsAny(name, "\\\n") {
		return "", name
	}
	return `\`, strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(name)
}

// Parse is the inverse of Line.
func Parse(line string) (content.ID, string, error) {
	rest, escaped := strings.CutPrefix(line, `\`)
	const digits = 64
	switch {
	case len(line) == 0:
		return content.ID{}, "", errors.New("an empty line")
	case len(rest) < digits+2:
		return content.ID{}, "", errors.New("a line too short for an id and a name")
	case rest[digits:digits+2] != "  ":
		return content.ID{}, "", errors.New("no two spaces after the id")
	}
	if hex := rest[:digits]; hex != strings.ToLower(hex) {
		return content.ID{}, "", errors.New("an id in capital letters")
	}
	id, err := content.ParseID(rest[:digits])
	if err != nil {
		return content.ID{}, "", err
	}
	name := rest[digits+2:]
	if escaped {
		if name, err = unescape(name); err != nil {
			return content.ID{}, "", err
		}
	}
	return id, name, checkName(name)
}

func unescape(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			b.WriteByte(name[i])
			continue
		}
		i++
		switch {
		case i < len(name) && name[i] == '\\':
			b.WriteByte('\\')
		case i < len(name) && name[i] == 'n':
			b.WriteByte('\n')
		default:
			return "", errors.New("a backslash before something else than a backslash or n")
		}
	}
	return b.String(), nil
}

// checkName refuses names that may stand for several files.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("no name after the id")
	case strings.ContainsRune(name, 0):
		return errors.New("a NUL in the name")
	case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError):
		return errors.New("a name whose bytes were lost when it was written")
	}
	return nil
}
