package report_test

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/system"
)

// asked is a run of one way to ask a server.
func asked(of string, seconds, perChunk, conns float64) *metrics.Report {
	r := &metrics.Report{Head: metrics.Head{Name: of, System: system.Named(of), Receivers: 2, FileBytes: 4 << 20, Chunks: 64}}
	for key, v := range map[metrics.Key]float64{
		metrics.Distribution: seconds, metrics.OverheadPerChunk: perChunk, metrics.OriginConnsTotal: conns,
		metrics.Overhead: perChunk / (64 << 10), metrics.OriginCPUPerGiB: 1,
	} {
		r.Figures = append(r.Figures, metrics.Figure{Key: key, Value: &v})
	}
	return r
}

func TestHTTPAgainstASocket(t *testing.T) {
	cases := metrics.Compare([]*metrics.Report{
		asked("mesh", 2, 500, 2), asked("http-close", 6, 700, 132), asked("star", 4, 50, 2), asked("http", 5, 600, 2),
	})
	g, ok := report.HTTPTable(cases)
	if !ok || len(g.Rows) != 3 {
		t.Fatalf("%v %q", ok, g.Rows)
	}
	for i, want := range []string{
		"2 × 4.0 MiB|raw socket|4.00 s|1.00|50 B|",
		"2 × 4.0 MiB|HTTP, one connection used again|5.00 s|1.25|600 B|",
		"2 × 4.0 MiB|HTTP, a connection for each request|6.00 s|1.50|700 B|",
	} {
		if got := strings.Join(g.Rows[i], "|"); !strings.HasPrefix(got, want) || len(g.Rows[i]) != len(g.Head) {
			t.Errorf("%q under %q, not %q", got, g.Head, want)
		}
	}
	words := strings.Join(report.HTTPWords(cases, 0), "\n")
	for _, want := range []string{"600 B for each chunk", "700 B when every request", "(66 connections to each receiver)", "raw socket costs 50 B", "Not in these times", "64 chunks", "up to 3.20 s more", "up to 6.40 s with"} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not said: %s", want, words)
		}
	}
}

// TestCountedLinksAreInTheTableOfHTTP: where packets were counted, they are
// told.
func TestCountedLinksAreInTheTableOfHTTP(t *testing.T) {
	counted := func(r *metrics.Report, share float64) *metrics.Report {
		r.Figures = append(r.Figures, metrics.Figure{Key: metrics.LinkOverhead, Value: &share})
		return r
	}
	with := metrics.Compare([]*metrics.Report{counted(asked("star", 4, 50, 2), 0.069), counted(asked("http", 5, 600, 2), 0.08)})
	g, _ := report.HTTPTable(with)
	if row := strings.Join(g.Rows[1], "|"); !strings.Contains(row, "|8.00 %|") || len(g.Rows[1]) != len(g.Head) {
		t.Errorf("%q under %q", row, g.Head)
	}
	if words := strings.Join(report.HTTPWords(with, 0.01), " "); !strings.Contains(words, "raw socket 6.90 %; HTTP, one connection used again 8.00 %.") ||
		!strings.Contains(words, "In these times: distance.") || !strings.Contains(words, "round trip of 20.0 ms") {
		t.Error(words)
	}
	without := metrics.Compare([]*metrics.Report{asked("star", 4, 50, 2), asked("http", 5, 600, 2)})
	if words := strings.Join(report.HTTPWords(without, 0), " "); !strings.Contains(words, "--links netns") {
		t.Error(words)
	}
}

func TestWithoutHTTPNothingIsSaidOfIt(t *testing.T) {
	cases := metrics.Compare([]*metrics.Report{asked("mesh", 2, 500, 2), asked("star", 4, 50, 2)})
	if _, ok := report.HTTPTable(cases); ok || report.HTTPWords(cases, 0) != nil {
		t.Error("there is a table of what was not run")
	}
	alone := metrics.Compare([]*metrics.Report{asked("http", 5, 600, 2)})
	g, ok := report.HTTPTable(alone)
	if !ok || g.Rows[0][3] != table.Missing {
		t.Errorf("HTTP without a socket beside it: %q", g.Rows)
	}
	if words := strings.Join(report.HTTPWords(alone, 0), " "); strings.Contains(words, "socket costs") {
		t.Errorf("a cost that nobody measured: %s", words)
	}
}
