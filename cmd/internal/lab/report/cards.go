package report

import (
	"fmt"
	"slices"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// A card is one thing to know at a glance.
type card struct {
	Name  string
	Big   string
	Rows  []cardRow
	State state
	Link  string // where more is said of it
}

// A cardRow is what one system has to show.
type cardRow struct {
	System string // of its colour
	Label  string
	Value  string
}

// A state is told by a sign and a word, not by a colour alone; "" by neither.
type state string

// The states of a card.
const (
	good state = "good"
	warn state = "warn"
	bad  state = "bad"
)

// Sign returns the sign of a state.
func (s state) Sign() string {
	return map[state]string{good: "✓", warn: "!", bad: "✗"}[s]
}

// Cards are what stands at the head of the page, below the sentences.
func (v *view) Cards() []card {
	main := v.main()
	if main == nil {
		return nil
	}
	all := []card{
		{Name: "Time until all have it", Big: versus(main), Rows: rowsOf(main, metrics.Distribution, ""), Link: "#time"},
		{Name: "Copies the origin had to send", Rows: rowsOf(main, metrics.OriginCopies, ""), Link: "#load"},
		{Name: "Share of all bytes the busiest node sent", Rows: rowsOf(main, metrics.HottestShare, ""), Link: "#load"},
	}
	bounds := rowsOf(main, metrics.BoundMultiple, " ×")
	if slices.ContainsFunc(bounds, func(r cardRow) bool { return r.Value != table.Missing }) {
		all = append(all, card{Name: "Times the bound", Rows: bounds, Link: "#time"})
	}
	all = append(all, v.deliveredCard())
	if kinds, met, of := v.outcomes(); len(kinds) > 0 {
		c := card{Name: "Faults that ended as foretold", Big: fmt.Sprintf("%d of %d", met, of), State: good, Link: "#faults"}
		if met < of {
			c.State = bad
		}
		all = append(all, c)
	}
	return append(all, v.trustCard())
}

// rowsOf returns the median of a figure for each series.
func rowsOf(cs *metrics.Case, key metrics.Key, suffix string) []cardRow {
	var rows []cardRow
	for _, s := range cs.Series {
		value := table.Missing
		if v, ok := s.Median(key); ok {
			value = Value(v, metrics.Define(key).Unit) + suffix
		}
		rows = append(rows, cardRow{s.System.Name, s.Label(), value})
	}
	return rows
}

// versus sets the times of the two rivals against each other; "" if there are
// not both, or of several folders.
func versus(cs *metrics.Case) string {
	hub, relay := rivals(cs)
	if text := ratio(hub, relay); text != table.Missing && cs.Series[0].Set == "" {
		return hub.System.Name + " ÷ " + relay.System.Name + ": " + text
	}
	return ""
}

// deliveredCard says whether everyone got the file.
func (v *view) deliveredCard() card {
	c := card{Name: "Receivers that hold the verified file", State: good, Link: "#runs"}
	want, have := 0, 0
	for _, run := range v.all() {
		for _, n := range run.Nodes {
			if n.Part == metrics.Receiver && n.Excused == "" {
				want++
				if n.DoneSeconds != nil {
					have++
				}
			}
		}
	}
	by, logged := "in all runs, by their load logs", cardRow{}
	if verified, of, known := v.compared(); known {
		if verified != have || of != want {
			c.State, logged.Label = warn, fmt.Sprintf("by the load logs: %d of %d", have, want)
		}
		have, want, by = verified, of, "in all runs, compared with the original byte for byte"
	}
	c.Big = fmt.Sprintf("%d of %d", have, want)
	if c.Rows = append(c.Rows, cardRow{Label: by}); logged.Label != "" {
		c.Rows = append(c.Rows, logged)
	}
	switch {
	case have < want && len(v.faulty()) > 0:
		c.State = warn
	case have < want:
		c.State = bad
	}
	return c
}

// compared returns how many receivers the lab itself found to hold the file, of
// those that were to get it.
func (v *view) compared() (verified, of int, known bool) {
	for _, r := range v.records() {
		verified, of, known = verified+min(r.Verified, due(r)), of+due(r), true
	}
	return verified, of, known
}

func (v *view) trustCard() card {
	t := v.Trust()
	c := card{Name: "Reasons for doubt", Big: "none found", State: good, Link: "#trust"}
	if n := len(t.Doubts); n > 0 {
		c.Big, c.State = units.Counted(n, "reason"), warn
		c.Rows = []cardRow{{Label: clip(t.Doubts[0], 90)}}
	} else if len(t.Missing) > 0 {
		c.Big, c.State = "something is missing", warn
		c.Rows = []cardRow{{Label: clip(t.Missing[0], 90)}}
	}
	c.Rows = append(c.Rows, cardRow{Label: "what was not measured is listed at the end"})
	return c
}

// clip cuts a sentence at a word.
func clip(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	cut := string(r[:limit])
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return cut + " …"
}
