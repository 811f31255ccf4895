package units

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration writes a duration with three digits at most, or in minutes and
// hours: 12 µs, 1.25 s, 59.9 s, 2m03s, 1h02m.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d == 0:
		return "0 s"
	case d < time.Microsecond:
		return strconv.FormatInt(d.Nanoseconds(), 10) + " ns"
	case d < time.Millisecond:
		return three(float64(d)/1e3) + " µs"
	case d < time.Second:
		return three(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return three(d.Seconds()) + " s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Seconds writes a time in seconds as Duration does, and one that is longer
// than a time.Duration can be in years: 1.25 s, 3.17e+04 years.
func Seconds(s float64) string {
	if math.Abs(s) < math.MaxInt64/1e9 {
		return Duration(time.Duration(s * float64(time.Second)))
	}
	return fmt.Sprintf("%.3g years", s/(365.25*24*3600))
}

// Measured writes a time in seconds that was measured or foretold: with all of
// its three digits, so that times beside each other have as many: 3.60 s.
func Measured(s float64) string {
	switch {
	case s < 0.001:
		return Three(s) + " s"
	case s < 1:
		return Three(1000*s) + " ms"
	case s < 60:
		return Three(s) + " s"
	}
	return Seconds(s)
}

// Three writes a number with three digits, and all before the point.
func Three(v float64) string {
	if v == 0 {
		return "0"
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64) // 0.9999 has as many digits as 1
	digits := 2 - int(math.Floor(math.Log10(math.Abs(rounded))))
	return strconv.FormatFloat(v, 'f', min(max(0, digits), 6), 64)
}

func three(x float64) string { return strconv.FormatFloat(round(x), 'f', -1, 64) }

// round keeps three digits of x, and all in front of the point.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	power := math.Pow10(digits)
	return math.Round(x*power) / power
}
