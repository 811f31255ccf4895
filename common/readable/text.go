package readable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s with everything that has no look of its own written as Go
// writes it: \x1b for an escape, \u202e for a bidirectional override, \n for a
// line end, \xff for a byte that is no UTF-8. So a name from the network can
// move no cursor, set no window title and show no other order.
func Text(s string) string { return escape(s, "", quoted) }

// Lines is Text of several lines: line ends and tabs stay.
func Lines(s string) string { return escape(s, "\n\t", quoted) }

// JSON returns the JSON text s with the same written as \u202e, which means the
// same to whoever parses it. encoding/json does so for line ends and the like,
// but not for C1 controls and bidirectional ones.
func JSON(s string) string { return escape(s, "\n\t\r", unicode16) }

// Cut returns s, or its beginning and … when it has more than limit characters.
func Cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// List returns names joined by commas; of more than limit the first ones, and
// how many more there are.
func List(names []string, limit int) string { return Join(names, limit, ", ") }

// Join is List with what stands between two.
func Join(texts []string, limit int, between string) string {
	more := len(texts) - limit
	if more <= 0 {
		return strings.Join(texts, between)
	}
	last := strings.TrimPrefix(between, ",") // there is none before "and"
	return strings.Join(texts[:limit], between) + last + "and " + strconv.Itoa(more) + " more"
}

// escape writes what can not be seen, and is not in keep, by write.
func escape(s, keep string, write func(b []byte, s string) []byte) string {
	hidden := func(r rune) bool { return !unicode.IsGraphic(r) && !strings.ContainsRune(keep, r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, hidden) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if hidden(r) || r == utf8.RuneError && size == 1 {
			b = write(b, s[:size])
		} else {
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return string(b)
}

// quoted appends one character as Go writes it in a literal.
func quoted(b []byte, s string) []byte {
	text := strconv.Quote(s)
	return append(b, text[1:len(text)-1]...)
}

// unicode16 appends one character as JSON writes it in a literal.
func unicode16(b []byte, s string) []byte {
	r, _ := utf8.DecodeRuneInString(s)
	for _, unit := range utf16.AppendRune(nil, r) {
		b = fmt.Appendf(b, `\u%04x`, unit)
	}
	return b
}
