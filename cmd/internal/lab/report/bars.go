package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// Bars draws who sent how much, a line for each node, in width columns: for
// each system the run in the middle, all on one scale. Of more than limit nodes
// the last receivers are summed up in a line.
func Bars(w io.Writer, cs *metrics.Case, width, limit int) error {
	var b strings.Builder
	longest, largest := 8, int64(0)
	for i := range cs.Series {
		for _, row := range cs.Series[i].Typical().Nodes {
			longest = max(longest, utf8.RuneCountInString(row.Node))
			largest = max(largest, row.PayloadOutBytes)
		}
	}
	longest = min(longest, 24)
	room := max(10, width-longest-len("  1023.9 MiB 100 %")-2)
	for _, s := range cs.Series {
		run := s.Typical()
		fmt.Fprintf(&b, "%s, sent by each node", s.Label())
		if len(s.Runs) > 1 {
			fmt.Fprintf(&b, " (%s, the run with the time in the middle)", run.Name)
		}
		b.WriteByte('\n')
		shown := run.Nodes
		if len(shown) > limit {
			shown = shown[:max(1, limit-1)]
		}
		for _, row := range shown {
			filled := bar(row.PayloadOutBytes, largest, room)
			fmt.Fprintf(&b, "%s  %s%s %9s %4.0f %%\n", fit(row.Node, longest), filled,
				strings.Repeat(" ", room-utf8.RuneCountInString(filled)), units.Bytes(row.PayloadOutBytes), row.SentShare*100)
		}
		rest(&b, run.Nodes[len(shown):])
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// rest sums up the nodes that are not shown.
func rest(b *strings.Builder, rows []metrics.Row) {
	if len(rows) == 0 {
		return
	}
	sum, share, largest := int64(0), 0.0, int64(0)
	for _, row := range rows {
		sum, share, largest = sum+row.PayloadOutBytes, share+row.SentShare, max(largest, row.PayloadOutBytes)
	}
	fmt.Fprintf(b, "… and %d more: %s (%.0f %%), at most %s each\n", len(rows), units.Bytes(sum), share*100, units.Bytes(largest))
}

// eighths are bars of one to seven eighths of a column.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar returns a bar for n of largest in room columns. What is more than nothing
// can be seen.
func bar(n, largest int64, room int) string {
	if n <= 0 || largest <= 0 {
		return ""
	}
	parts := max(1, int(math.Round(float64(n)/float64(largest)*float64(room*8))))
	return strings.Repeat("█", parts/8) + eighths[parts%8]
}

// fit makes a text exactly width columns wide.
func fit(text string, width int) string {
	length := utf8.RuneCountInString(text)
	if length > width {
		return string([]rune(text)[:width-1]) + "…"
	}
	return text + strings.Repeat(" ", width-length)
}
