package content

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"starmesh/common/fault"
)

const (
	// MaxPath is the longest path, in bytes.
	MaxPath = 4096
	// MaxElement is the longest name between two slashes, in bytes.
	MaxElement = 255
	// MaxElements is how many names between slashes a path may have: looking it
	// up takes the system a step, and some memory, for each.
	MaxElements = 100
)

// CheckPath is the one rule for every name that comes from a network, the
// same on all systems: a path that can only mean a file below the folder it is
// used in, on any disk, and that prints as one line. It is UTF-8, relative and
// separated by slashes, without empty elements, ".", "..", control characters
// or backslashes, has at most MaxPath bytes and MaxElements elements of at most
// MaxElement bytes each, begins with no drive letter, and no element is the name
// of a Windows device. It fails with fault.Invalid.
//
// What only some systems refuse (a colon, a name like aux.c) is let through:
// Linux has such files, and os.Root refuses them where they would do harm.
func CheckPath(p string) error {
	switch {
	case p == "":
		return fault.Wrapf(fault.Invalid, "a name is missing")
	case len(p) > MaxPath:
		return fault.Wrapf(fault.Invalid, "a name of %d bytes is longer than the %d allowed", len(p), MaxPath)
	case !utf8.ValidString(p):
		return fault.Wrapf(fault.Invalid, "%q is not UTF-8", p)
	case strings.ContainsFunc(p, unicode.IsControl):
		return fault.Wrapf(fault.Invalid, "%q has a control character", p)
	case strings.Contains(p, `\`):
		return fault.Wrapf(fault.Invalid, "%q has a backslash; folders are separated by /", p)
	case strings.Count(p, "/") >= MaxElements:
		return fault.Wrapf(fault.Invalid, "%.40q… has %d elements; %d are allowed", p, strings.Count(p, "/")+1, MaxElements)
	case p[0] == '/' || hasDrive(p):
		return fault.Wrapf(fault.Invalid, "%q is not a relative path", p)
	}
	for element := range strings.SplitSeq(p, "/") {
		if err := checkElement(p, element); err != nil {
			return err
		}
	}
	return nil
}

func checkElement(p, element string) error {
	switch {
	case element == "":
		return fault.Wrapf(fault.Invalid, "%q has an empty element", p)
	case element == "." || element == "..":
		return fault.Wrapf(fault.Invalid, "%q has the element %q", p, element)
	case len(element) > MaxElement:
		return fault.Wrapf(fault.Invalid, "%.40q… has an element of %d bytes; %d are allowed", p, len(element), MaxElement)
	case isDevice(element):
		return fault.Wrapf(fault.Invalid, "%q has the element %q, a device on Windows", p, element)
	}
	return nil
}

// hasDrive reports whether p begins with a drive letter, as in C:file.
func hasDrive(p string) bool {
	return len(p) >= 2 && p[1] == ':' && (p[0]|0x20 >= 'a' && p[0]|0x20 <= 'z')
}

// isDevice reports whether Windows opens a device under this name, in whichever
// folder ("Naming Files, Paths, and Namespaces", Microsoft). It ignores case,
// and dots and blanks at the end.
func isDevice(element string) bool {
	name := strings.TrimRight(element, " .")
	if len(name) < len("NUL") || len(name) > len("CONOUT$") { // as good as always
		return false
	}
	switch name = strings.ToUpper(name); name {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	number, found := strings.CutPrefix(name, "COM")
	if !found {
		number, found = strings.CutPrefix(name, "LPT")
	}
	return found && len([]rune(number)) == 1 && strings.ContainsAny(number, "0123456789¹²³")
}
