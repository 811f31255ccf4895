package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// A Size is a number of bytes, as a flag: pflag's Value.
type Size int64

// Set reads a size as ParseSize does.
func (s *Size) Set(text string) error {
	n, err := ParseSize(text)
	if err == nil {
		*s = Size(n)
	}
	return err
}

func (s Size) String() string { return Bytes(int64(s)) }

// Type is what help texts call a value of this kind.
func (Size) Type() string { return "size" }

// ParseSize reads a number of bytes: 64MiB, 10G, 1.5GB, 123. k, M, G, T and P
// are powers of 1000, Ki, Mi, Gi, Ti and Pi of 1024, in upper or lower case and
// with or without a B; a number alone is bytes. A fraction of a byte is cut off.
func ParseSize(text string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil && n >= 0 {
		return n, nil // exactly; humanize goes through a float
	}
	if !startsWithDigit(trimmed) {
		return 0, sizeError(text)
	}
	n, err := humanize.ParseBytes(trimmed)
	if err != nil {
		return 0, sizeError(text)
	}
	if n > math.MaxInt64 {
		return 0, fmt.Errorf("%q is too large for a size: the most is 8EiB - 1 byte", text)
	}
	return int64(n), nil
}

// startsWithDigit keeps signs, NaN and words from further parsing.
func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func sizeError(text string) error {
	return fmt.Errorf("%q is not a size: write 64MiB, 10G, 1.5GB, or a number of bytes", text)
}

// Bytes writes a number of bytes in powers of 1024, short: 64 MiB, 1.5 GiB.
func Bytes(n int64) string {
	if n < 0 {
		return "-" + humanize.IBytes(-uint64(n))
	}
	return humanize.IBytes(uint64(n))
}
