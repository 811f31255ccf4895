package units_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"starmesh/cmd/internal/units"
)

var (
	_ pflag.Value = (*units.Size)(nil)
	_ pflag.Value = (*units.Rate)(nil)
)

func TestParseSizeReadsWhatPeopleWrite(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "123": 123, "123B": 123, "64MiB": 64 << 20, "64mib": 64 << 20, "64Mi": 64 << 20,
		"10G": 10e9, "1.5GB": 15e8, "1k": 1000, "1Ki": 1024, " 2 MB ": 2e6, "0.5KiB": 512,
		"9007199254740993":    9007199254740993, // not a float64
		"9223372036854775807": math.MaxInt64,
	} {
		got, err := units.ParseSize(text)
		if err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseSizeRefusesAndSaysTheRightForm(t *testing.T) {
	for _, text := range []string{
		"", " ", "-1", "-1MB", "+1MB", "NaN", "nanMB", "inf", "MiB", "1..5M", "1MBit", "20mbit", "0x10", "1e3",
		"9223372036854775808", "8EiB", "9999999999999999999999", "10EB", "١", "1,5MB,", "ten",
	} {
		got, err := units.ParseSize(text)
		if err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
			continue
		}
		if !strings.Contains(err.Error(), "size") {
			t.Errorf("ParseSize(%q): the error does not help: %v", text, err)
		}
	}
}

func TestParseRateReadsBitsAndBytes(t *testing.T) {
	for text, want := range map[string]float64{
		"20mbit": 2.5e6, "20Mbit/s": 2.5e6, "2.5MB/s": 2.5e6, "2.5MB": 2.5e6, "1gbit": 125e6,
		"800kbit/s": 1e5, "1MiB/s": 1 << 20, "1000B/s": 1000, "8000bit": 1000, "1.5 gbit": 1875e5, "20 MBIT/S": 2.5e6,
		"0": 0, "unlimited": 0, "Unlimited": 0, "none": 0, "0mbit": 0,
	} {
		got, err := units.ParseRate(text)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseRateRefusesWhatIsUnclear(t *testing.T) {
	for _, text := range []string{
		"", "20", "20M", "20mbps", "-1mbit", "NaNmbit", "infmbit", "mbit", "1bit", "2000tbit", "1e3kbit",
		"20mibits", "20 m bit x", "0x1pbit", "1_0mbit", "/s", "b", "tib/s",
	} {
		got, err := units.ParseRate(text)
		if err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", text, got)
			continue
		}
		if !strings.Contains(err.Error(), "bit") {
			t.Errorf("ParseRate(%q): the error does not name the right form: %v", text, err)
		}
	}
}

func TestWritingForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{units.Bytes(0), "0 B"},
		{units.Bytes(64 << 20), "64 MiB"},
		{units.Bytes(1536 << 20), "1.5 GiB"},
		{units.Bytes(-2048), "-2.0 KiB"},
		{units.Bytes(math.MinInt64), "-8.0 EiB"},
		{units.Rate(0).String(), "unlimited"},
		{units.Rate(2.5e6).String(), "20 Mbit/s"},
		{units.Rate(123456).String(), "988 kbit/s"},
		{units.Rate(125e6).String(), "1 Gbit/s"},
		{units.Size(1000).String(), "1000 B"},
		{units.Duration(0), "0 s"},
		{units.Duration(12 * time.Microsecond), "12 µs"},
		{units.Duration(1234567), "1.23 ms"},
		{units.Duration(1250 * time.Millisecond), "1.25 s"},
		{units.Duration(123 * time.Second), "2m03s"},
		{units.Duration(62 * time.Minute), "1h02m"},
		{units.Duration(-time.Second), "-1 s"},
		{units.Measured(3.6), "3.60 s"},
		{units.Measured(13), "13.0 s"},
		{units.Measured(0.25), "250 ms"},
		{units.Measured(0), "0 s"},
		{units.Measured(123), "2m03s"},
		{units.Seconds(1.25), "1.25 s"},
		{units.Seconds(0), "0 s"},
		{units.Seconds(9e9), "2500000h00m"},
		{units.Seconds(1e12), "3.17e+04 years"},
		{units.Seconds(math.Inf(1)), "+Inf years"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestFlagsKeepTheirValueOnError(t *testing.T) {
	size, rate := units.Size(5), units.Rate(7)
	if size.Set("x") == nil || rate.Set("x") == nil {
		t.Fatal("nonsense was accepted")
	}
	if size != 5 || rate != 7 {
		t.Errorf("values changed to %d and %v", size, float64(rate))
	}
	if err := size.Set("1k"); err != nil || size != 1000 {
		t.Errorf("Set(1k): %d, %v", size, err)
	}
	if err := rate.Set("20mbit"); err != nil || rate != 2.5e6 {
		t.Errorf("Set(20mbit): %v, %v", float64(rate), err)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, r := range []units.Rate{0, 125, 1e5, 2.5e6, 125e6, 1e9} {
		got, err := units.ParseRate(r.String())
		if err != nil || units.Rate(got) != r {
			t.Errorf("%v written as %q reads as %v, %v", float64(r), r.String(), got, err)
		}
	}
	for _, s := range []units.Size{0, 1000, 64 << 20, 3 << 30} {
		got, err := units.ParseSize(s.String())
		if err != nil || units.Size(got) != s {
			t.Errorf("%d written as %q reads as %d, %v", s, s.String(), got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"64MiB", "20mbit", "2.5MB/s", "0", "kb", "1e9", "９MB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := units.ParseSize(text); err == nil && n < 0 {
			t.Errorf("ParseSize(%q) = %d", text, n)
		}
		if r, err := units.ParseRate(text); err == nil && !(r >= 0 && r <= 1e12) {
			t.Errorf("ParseRate(%q) = %v", text, r)
		}
	})
}
