package report_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/system"
)

func cs(nodes int) *metrics.Case {
	report := func(name, of string, seconds float64, doubts ...string) *metrics.Report {
		r := &metrics.Report{Head: metrics.Head{Name: name, System: system.Named(of), Receivers: nodes - 1, FileBytes: 1 << 20}}
		r.Figures = []metrics.Figure{
			{Key: metrics.Distribution, Value: &seconds, Doubts: doubts},
			{Key: metrics.Overhead, Absent: "no node | sent <anything>"},
		}
		for i := range nodes {
			sent := int64(0)
			if i == 0 {
				sent = 1 << 20
			}
			r.Nodes = append(r.Nodes, metrics.Row{Node: fmt.Sprintf("node-%d", i), PayloadOutBytes: sent, SentShare: float64(sent) / (1 << 20)})
		}
		return r
	}
	return metrics.Compare([]*metrics.Report{
		report("a", "star", 10), report("b", "star", 12), report("c", "mesh", 3, "a wrong clock"),
	})[0]
}

func TestTheTableTellsSpreadDoubtAndAbsence(t *testing.T) {
	g := report.GridOf(cs(3))
	var b strings.Builder
	if err := g.Text(&b, 60); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1.0 MiB to 2 receivers", "star (2 runs)", "mesh ÷ star", "11.0 s (10.0–12.0 s)", "3.00 s ?", "0.273",
		"not to be trusted (?): a wrong clock. That concerns:", "not known (-): overhead (star), overhead (mesh):",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in it:\n%s", want, &b)
		}
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 70 {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
	b.Reset()
	if err := g.Markdown(&b); err != nil || !strings.Contains(b.String(), `no node \| sent &lt;anything>`) {
		t.Errorf("%v\n%s", err, &b)
	}
}

func TestCSVCanBeReadAgain(t *testing.T) {
	var b strings.Builder
	if err := report.CSV(&b, []*metrics.Case{cs(3)}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 5 { // a head, two figures of two systems
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[1], "|"); got != "2|1048576|star|distribution_s|s|11|10|12|2|1|star||" {
		t.Errorf("the first row is %s", got)
	}
}

func TestBarsFitTheWidthAndSumUpWhatIsLeft(t *testing.T) {
	for _, width := range []int{0, 40, 80, 200} {
		var b strings.Builder
		if err := report.Bars(&b, cs(6), width, 3); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), "… and 4 more: 0 B (0 %), at most 0 B each") || strings.Contains(b.String(), "node-2") {
			t.Errorf("six nodes in three lines:\n%s", &b)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); strings.HasPrefix(line, "node") && n > max(width, 60) {
				t.Errorf("width %d: a line has %d columns: %s", width, n, line)
			}
		}
		full := strings.Count(b.String(), "█")
		if want := 2 * max(10, width-8-18-2); width >= 80 && (full < want-4 || full > want+4) {
			t.Errorf("width %d: %d columns of bars, want about %d", width, full, want)
		}
	}
}

func TestValuesAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit metrics.Unit
		want string
	}{
		{6.7108, metrics.Seconds, "6.71 s"}, {0, metrics.Seconds, "0 s"}, {1 << 24, metrics.Bytes, "16 MiB"},
		{0.0119, metrics.Share, "1.19 %"}, {0, metrics.Share, "0 %"}, {1, metrics.Ratio, "1.00"}, {1234.5, metrics.Ratio, "1234"},
		{0.00012345, metrics.Ratio, "0.000123"}, {12000, metrics.Count, "12000"},
	} {
		if got := report.Value(c.v, c.unit); got != c.want {
			t.Errorf("%v %s is written %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

// TestWordsStandToTheLeftAndNumbersToTheRight: also where a number is missing.
func TestWordsStandToTheLeftAndNumbersToTheRight(t *testing.T) {
	g := table.Table{Head: []string{"to", "way", "time", "÷ socket"}, Rows: [][]string{
		{"2 × 1 MiB", "raw socket", "6.7 s", "1.00"},
		{"2 × 1 MiB", "HTTP", table.Missing, "0.99"},
	}}
	var b strings.Builder
	if err := g.Text(&b, 80); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"to         way          time  ÷ socket\n" +
		"2 × 1 MiB  raw socket  6.7 s      1.00\n" +
		"2 × 1 MiB  HTTP            -      0.99\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
	b.Reset()
	if err := g.Markdown(&b); err != nil || !strings.Contains(b.String(), "|---|---|---:|---:|") {
		t.Errorf("%v\n%s", err, &b)
	}
}

func TestThreeDigitsAreShown(t *testing.T) {
	for v, want := range map[float64]string{
		0.9999: "1.00", 1.0004: "1.00", 0.9994: "0.999", 12.34: "12.3", 99.96: "100", 143305: "143305", 0.00712: "0.00712", 0: "0",
	} {
		if got := report.Value(v, metrics.Ratio); got != want {
			t.Errorf("%v is written as %s, want %s", v, got, want)
		}
	}
}

// TestASystemAloneIsNotSetAgainstItself in a column of ones.
func TestASystemAloneIsNotSetAgainstItself(t *testing.T) {
	both := report.Summary([]*metrics.Case{cs(3)})
	alone := cs(3)
	alone.Series = alone.Series[1:]
	one := report.Summary([]*metrics.Case{alone})
	if got := both.Head[len(both.Head)-1]; got != "time ÷ star" || len(one.Head) != len(both.Head)-1 || len(one.Rows[0]) != len(one.Head) {
		t.Errorf("%q and %q, %q", both.Head, one.Head, one.Rows)
	}
}
