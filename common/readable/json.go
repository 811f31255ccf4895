package readable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// PlainJSON returns the JSON text s with every string in it as Lines would have it:
// for what strangers wrote, before it is decoded, so that nobody has to think of it
// who shows a part of that later.
func PlainJSON(s []byte) []byte {
	plain := func(c byte) bool { return c != '\\' && c < 0x7f }
	at := 0
	for at < len(s) && plain(s[at]) {
		at++
	}
	if at == len(s) { // nearly always
		return s
	}
	out := append(make([]byte, 0, len(s)+16), s[:at]...)
	for rest := string(s[at:]); len(rest) > 0; {
		r, size := inJSON(rest)
		switch {
		case r == utf8.RuneError && size == 1: // in a string; elsewhere it is an error in any case
			out = fmt.Appendf(out, `\\x%02x`, rest[0])
		case (size > 1 || r == unicode.MaxASCII) && !unicode.IsGraphic(r) && !strings.ContainsRune("\n\t", r):
			for _, unit := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\\u%04x`, unit)
			}
		default:
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	return out
}

// inJSON returns the character that s begins with, or its escape sequence stands for,
// and how long that is.
func inJSON(s string) (r rune, size int) {
	if s[0] != '\\' || len(s) < 2 {
		return utf8.DecodeRuneInString(s)
	}
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'r':
		return '\r', 2
	case 'u':
		unit, err := hex4(s)
		if err != nil {
			return 'u', 2 // no JSON, which is said elsewhere
		}
		if second, err := hex4(s[6:]); err == nil && utf16.IsSurrogate(unit) {
			if r := utf16.DecodeRune(unit, second); r != unicode.ReplacementChar {
				return r, 12
			}
		}
		return unit, 6
	}
	return ' ', 2
}

// hex4 reads \u and four digits.
func hex4(s string) (rune, error) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err
}
