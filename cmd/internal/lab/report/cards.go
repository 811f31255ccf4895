package report

import (
	"fmt"
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

// A state is told by a sign and a word, not by a colour alone.
type state string

// The states of a card.
const (
	plainState state = ""
	good       state = "good"
	warn       state = "warn"
	bad        state = "bad"
)

// Sign returns the sign of a state.
func (s state) Sign() string {
	return map[state]string{good: "✓", warn: "!", bad: "✗"}[s]
}

func (p *Page) cards() []card {
	main := p.main()
	if main == nil {
		return nil
	}
	all := []card{timeCard(main), copiesCard(main), evenCard(main)}
	if c, ok := boundCard(main); ok {
		all = append(all, c)
	}
	all = append(all, p.deliveredCard())
	if c, ok := p.faultCard(); ok {
		all = append(all, c)
	}
	return append(all, p.trustCard())
}

// rowsOf returns the median of a figure for each series.
func rowsOf(cs *metrics.Case, key metrics.Key, suffix string) []cardRow {
	d, _ := metrics.Define(key)
	var rows []cardRow
	for i := range cs.Series {
		s := &cs.Series[i]
		value := table.Missing
		if f := s.Get(key); f != nil && f.Median != nil {
			value = Value(*f.Median, d.Unit) + suffix
		}
		rows = append(rows, cardRow{s.System.Name, s.Label(), value})
	}
	return rows
}

func timeCard(cs *metrics.Case) card {
	c := card{Name: "Time until all have it", Rows: rowsOf(cs, metrics.Distribution, ""), Link: "#time"}
	hub, relay := rivals(cs)
	if text := ratio(hub, relay); text != table.Missing && cs.Series[0].Set == "" {
		c.Big = hub.System.Name + " ÷ " + relay.System.Name + ": " + text
	}
	return c
}

func copiesCard(cs *metrics.Case) card {
	return card{Name: "Copies the origin had to send", Rows: rowsOf(cs, metrics.OriginCopies, ""), Link: "#load"}
}

func evenCard(cs *metrics.Case) card {
	return card{
		Name: "Share of all bytes the busiest node sent",
		Rows: rowsOf(cs, metrics.HottestShare, ""), Link: "#load",
	}
}

func boundCard(cs *metrics.Case) (card, bool) {
	c := card{Name: "Times the bound", Rows: rowsOf(cs, metrics.BoundMultiple, " ×"), Link: "#time"}
	for _, r := range c.Rows {
		if r.Value != table.Missing {
			return c, true
		}
	}
	return c, false
}

// deliveredCard says whether everyone got the file.
func (p *Page) deliveredCard() card {
	c := card{Name: "Receivers that hold the verified file", State: good, Link: "#runs"}
	want, have := 0, 0
	for _, run := range p.all() {
		for _, n := range run.Nodes {
			if n.Part == metrics.Receiver && n.Excused == "" {
				want++
				if n.DoneSeconds != nil {
					have++
				}
			}
		}
	}
	c.Big = fmt.Sprintf("%d of %d", have, want)
	by := "in all runs, by their load logs"
	if verified, of, known := p.compared(); known {
		if verified != have || of != want {
			c.State = warn
			c.Rows = []cardRow{{Label: fmt.Sprintf("by the load logs: %d of %d", have, want)}}
		}
		c.Big, by = fmt.Sprintf("%d of %d", verified, of), "in all runs, compared with the original byte for byte"
		have, want = verified, of
	}
	c.Rows = append([]cardRow{{Label: by}}, c.Rows...)
	if have < want {
		c.State = bad
		if len(p.faulty()) > 0 {
			c.State = warn
		}
	}
	return c
}

// compared returns how many receivers the lab itself found to hold the file, of
// those that were to get it.
func (p *Page) compared() (verified, of int, known bool) {
	for _, r := range p.records() {
		verified, of, known = verified+min(r.Verified, due(r)), of+due(r), true
	}
	return verified, of, known
}

func (p *Page) faultCard() (card, bool) {
	met, all := 0, 0
	for _, f := range p.faults() {
		all++
		if f.Met {
			met++
		}
	}
	c := card{Name: "Faults that ended as foretold", Big: fmt.Sprintf("%d of %d", met, all), State: good, Link: "#faults"}
	if met < all {
		c.State = bad
	}
	return c, all > 0
}

func (p *Page) trustCard() card {
	t := p.trust()
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
