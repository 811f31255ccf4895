package units

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Printable returns a name from the network as it may be put on a terminal:
// quoted when it holds control characters, which could move the cursor or
// change colours.
func Printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// Counted says how many there are of something whose plural ends in s.
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
