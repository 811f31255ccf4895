package units

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// A Rate is a number of bytes per second, 0 meaning unlimited, as a flag:
// pflag's Value.
type Rate float64

// Set reads a rate as ParseRate does.
func (r *Rate) Set(text string) error {
	bytesPerSecond, err := ParseRate(text)
	if err == nil {
		*r = Rate(bytesPerSecond)
	}
	return err
}

// String writes the rate in bits per second, as links are sold: 20 Mbit/s.
func (r Rate) String() string {
	if r <= 0 {
		return "unlimited"
	}
	value, prefix := humanize.ComputeSI(float64(r) * 8)
	return strconv.FormatFloat(round(value), 'f', -1, 64) + " " + prefix + "bit/s"
}

// Type is what help texts call a value of this kind.
func (Rate) Type() string { return "rate" }

// The least and the largest rate that is not a slip of the pen, in bytes per
// second: 1 kbit/s and 1 Tbit/s.
const (
	minRate = 1e3 / 8
	maxRate = 1e12 / 8
)

// ParseRate reads bytes per second: 20mbit, 800kbit/s, 1.5Gbit, 2.5MB/s,
// 1MiB/s, in upper or lower case. 0, unlimited and none give 0: no limit. What
// does not say whether it is bits or bytes is refused.
func ParseRate(text string) (float64, error) {
	s := strings.ToLower(strings.TrimSpace(text))
	if s == "0" || s == "unlimited" || s == "none" {
		return 0, nil
	}
	s = strings.TrimSuffix(s, "/s")
	perUnit := 1.0
	switch {
	case strings.HasSuffix(s, "bit"):
		s, perUnit = strings.TrimSuffix(s, "bit"), 1.0/8
	case strings.HasSuffix(s, "b"):
		s = strings.TrimSuffix(s, "b")
	default:
		return 0, rateError(text)
	}
	value, ok := parseNumber(s)
	if !ok {
		return 0, rateError(text)
	}
	bytesPerSecond := value * perUnit
	switch {
	case bytesPerSecond == 0:
		return 0, nil
	case bytesPerSecond < minRate || bytesPerSecond > maxRate:
		return 0, fmt.Errorf("a rate of %q is out of range: from 1kbit to 1000gbit, or 0 for no limit", text)
	}
	return bytesPerSecond, nil
}

// prefixes are the factors in front of a unit.
var prefixes = map[string]float64{
	"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12,
	"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
}

// parseNumber reads 2.5m as 2,500,000.
func parseNumber(s string) (float64, bool) {
	end := len(strings.TrimRight(s, "kmgti"))
	factor, known := prefixes[s[end:]]
	digits := strings.TrimSpace(s[:end])
	if !known || !startsWithDigit(digits) || strings.ContainsAny(digits, "xpe_") {
		return 0, false
	}
	value, err := strconv.ParseFloat(digits, 64)
	return value * factor, err == nil
}

func rateError(text string) error {
	return fmt.Errorf("%q is not a rate: write 20mbit (bits per second), 2.5MB/s (bytes per second), or 0 for no limit", text)
}
