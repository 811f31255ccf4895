package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// httpView sets HTTP beside the raw socket.
type httpView struct {
	Ways  string // that are compared
	Words []string
	Grid  table.Table
}

// HTTP tells of cases that were run over HTTP; nil if there is none.
func (v *view) HTTP() *httpView {
	grid, ok := httpTable(v.Cases)
	if !ok {
		return nil
	}
	return &httpView{Ways: ways(v.Systems), Words: httpWords(v.Cases, v.delay()), Grid: grid}
}

// ways says how receivers may ask a server.
func ways(systems system.Table) string {
	var all []string
	for _, s := range systems {
		if s.Asks == nil {
			continue
		}
		way := "over " + s.Asks.Long
		if s.Asks.HTTP {
			way += " (" + s.Name + ")"
		}
		all = append(all, way)
	}
	return strings.Join(all[:len(all)-1], ", ") + ", and " + all[len(all)-1]
}

// columnsOfHTTP are the figures in which the ways to ask a server differ, those
// of counted links only where links were counted.
func columnsOfHTTP(cases []*metrics.Case) []metrics.Key {
	keys := []metrics.Key{metrics.Distribution, metrics.OverheadPerChunk, metrics.Overhead}
	if slices.ContainsFunc(cases, func(cs *metrics.Case) bool {
		_, counted := asker(cs, true).Median(metrics.LinkOverhead)
		return counted
	}) {
		keys = append(keys, metrics.LinkOverhead)
	}
	return append(keys, metrics.OriginConnsTotal, metrics.OriginCPUPerGiB)
}

// httpTable makes the table of what HTTP costs beside the raw socket: a
// row for each way and case. It is not ok when no case was run over HTTP.
func httpTable(cases []*metrics.Case) (g table.Table, ok bool) {
	g = table.Table{Title: "HTTP against a socket", Head: []string{"to", "way"}}
	keys := columnsOfHTTP(cases)
	for _, key := range keys {
		g.Head = append(g.Head, metrics.Define(key).Label)
	}
	g.Head = slices.Insert(g.Head, 3, "÷ socket")
	n := &notes{}
	for _, cs := range cases {
		if asker(cs, true) != nil {
			g.Rows = append(g.Rows, waysOf(cs, keys, n)...)
		}
	}
	g.Notes = n.lines()
	return g, len(g.Rows) > 0
}

// asker is the first series of a case whose receivers ask a server, over HTTP
// or not; nil: there is none.
func asker(cs *metrics.Case, http bool) *metrics.Series {
	i := slices.IndexFunc(cs.Series, func(s *metrics.Series) bool { return s.System.Asks != nil && s.System.Asks.HTTP == http })
	if i < 0 {
		return nil
	}
	return cs.Series[i]
}

// askers are the series of a case whose receivers ask a server, the first of
// each system.
func askers(cs *metrics.Case) (all []*metrics.Series) {
	for _, s := range cs.Series {
		if s.System.Asks != nil && s == cs.First(s.System) {
			all = append(all, s)
		}
	}
	return all
}

func waysOf(cs *metrics.Case, keys []metrics.Key, n *notes) [][]string {
	var rows [][]string
	socket := asker(cs, false)
	for _, s := range cs.Series {
		if s.System.Asks == nil {
			continue
		}
		way := s.System.Asks.Way
		if s.Set != "" {
			way += " (" + s.Set + ")"
		}
		row := []string{fmt.Sprintf("%d × %s", cs.Receivers, units.Bytes(cs.FileBytes)), way}
		for _, key := range keys {
			row = append(row, n.cell(s, metrics.Define(key)))
		}
		rows = append(rows, slices.Insert(row, 3, share(s, socket, metrics.Distribution)))
	}
	return rows
}

// share writes a figure of s as a multiple of the same of base.
func share(s, base *metrics.Series, key metrics.Key) string {
	a, okA := s.Median(key)
	b, okB := base.Median(key)
	if !okA || !okB || b == 0 {
		return table.Missing
	}
	return number(a / b)
}

// httpWords tells in two paragraphs what the table of httpTable
// shows, and what it cannot show; none when no case was run over HTTP. Its
// numbers are those of the last case over HTTP, which has most receivers.
func httpWords(cases []*metrics.Case, delay float64) []string {
	over := slices.DeleteFunc(slices.Clone(cases), func(cs *metrics.Case) bool { return asker(cs, true) == nil })
	if len(over) == 0 {
		return nil
	}
	cs := over[len(over)-1]
	return []string{costInWords(cs), packetsInWords(cs) + " " + delayInWords(cs, delay)}
}

func costInWords(cs *metrics.Case) string {
	var b strings.Builder
	b.WriteString("HTTP is one request, one answer. Whoever wants a chunk asks for it by the file's name, in text, and gets a head of text before the bytes")
	socket := asker(cs, false)
	for _, s := range askers(cs) {
		if s == socket {
			continue
		}
		if v, ok := s.Median(metrics.OverheadPerChunk); ok {
			fmt.Fprintf(&b, "; "+s.System.Asks.Cost, units.Bytes(int64(v)))
		}
		if conns, ok := s.Median(metrics.OriginConnsTotal); ok && s.System.Asks.OneByOne && cs.Receivers > 0 {
			fmt.Fprintf(&b, " (%.0f connections to each receiver)", conns/float64(cs.Receivers))
		}
	}
	if v, ok := socket.Median(metrics.OverheadPerChunk); ok {
		fmt.Fprintf(&b, ". "+socket.System.Asks.Cost, units.Bytes(int64(v)))
	}
	b.WriteString(". An HTTP server speaks when it is asked; on a raw socket either side may speak first, as the server does when a client watches it (central watch).")
	return b.String()
}

// packetsInWords says what the links counted, or that nobody counted there.
func packetsInWords(cs *metrics.Case) string {
	var all []string
	for _, s := range askers(cs) {
		if v, ok := s.Median(metrics.LinkOverhead); ok {
			all = append(all, s.System.Asks.Way+" "+Value(v, metrics.Share))
		}
	}
	if len(all) == 0 {
		return "Not in these bytes: the packets that open and close a connection, and the headers of TCP and IP; links that count packets (--links netns) have them."
	}
	return "With the packets that open and close connections and the headers of TCP and IP, as the links counted them, the overhead is: " + strings.Join(all, "; ") + "."
}

// delayInWords says what distance does to the ways: in these times, or in others
// where the links have none. delay is of one way, in seconds.
func delayInWords(cs *metrics.Case, delay float64) string {
	const text = "Over HTTP each request waits for the answer before it, so a round trip is paid once a chunk, and once more where a connection is made for it, which then also begins slowly (TCP slow start); the raw socket pays it a few times in all"
	chunks, trip := 0, cmp.Or(2*delay, 0.05)
	for _, s := range cs.Series {
		for _, r := range s.Runs {
			chunks = max(chunks, r.Chunks)
		}
	}
	begin, would := "In these times: distance.", "makes"
	if delay == 0 {
		begin, would = "Not in these times: distance.", "would make"
	}
	if chunks < 2 {
		return begin + " " + text + "."
	}
	return fmt.Sprintf("%s %s. With the %s of this file a round trip of %s %s it take up to %s more over HTTP, and up to %s with a connection for each request.",
		begin, text, units.Counted(chunks, "chunk"), Value(trip, metrics.Seconds), would, Value(float64(chunks)*trip, metrics.Seconds), Value(2*float64(chunks)*trip, metrics.Seconds))
}

// delay is how long, in seconds, what is sent was on its way in the runs that a
// lab has noted.
func (v *view) delay() (seconds float64) {
	for _, r := range v.records() {
		seconds = max(seconds, r.Delay)
	}
	return seconds
}
