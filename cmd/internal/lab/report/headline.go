package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// Sentences says all that stands at the head of the page: the headline first.
func (p *Page) Sentences() []string { return p.lead() }

func (p *Page) title() string {
	main := p.main()
	if main == nil {
		return "Who carried what"
	}
	return fmt.Sprintf("%s to %s: who carried what", units.Bytes(main.FileBytes), units.Counted(main.Receivers, "receiver"))
}

// lead is what to remember, in sentences.
func (p *Page) lead() []string {
	main := p.main()
	if main == nil {
		return []string{"No run could be read."}
	}
	var all []string
	if text := shifted(main); text != "" {
		all = append(all, text)
	}
	hub, relay := rivals(main)
	headed := hub != nil && relay != nil && hub.Set == relay.Set
	if headed {
		all = append(all, p.against(main, hub, relay))
	}
	if hub != nil && relay != nil {
		all = append(all, burden(hub, relay)...)
	}
	if others := p.beside(main, headed); others != "" {
		all = append(all, others)
	}
	if text := doubted(main); text != "" {
		all = append(all, text)
	}
	if text := p.disturbed(); text != "" {
		all = append(all[:1:1], append([]string{text}, all[1:]...)...)
	}
	return all
}

// rivals are the first series of the two systems of the case that are set
// against each other; nil: there is none.
func rivals(cs *metrics.Case) (hub, relay *metrics.Series) {
	a, b := systemsOf([]metrics.Case{*cs}).Pair()
	return cs.First(a), cs.First(b)
}

// systemsOf are the systems of some cases, each once and in their order.
func systemsOf(cases []metrics.Case) (all system.Table) {
	for i := range cases {
		for _, s := range cases[i].Series {
			if !slices.Contains(all.Names(), s.System.Name) {
				all = append(all, s.System)
			}
		}
	}
	slices.SortFunc(all, system.Compare)
	return all
}

// disturbed tells of faults made on purpose, right after the headline; "" if
// there were none.
func (p *Page) disturbed() string {
	n := len(p.faulty())
	if n == 0 {
		return ""
	}
	var kinds []string
	met, all := 0, 0
	for _, f := range p.faults() {
		if !slices.Contains(kinds, f.Fault.Fault) {
			kinds = append(kinds, f.Fault.Fault)
		}
		if all++; f.Met {
			met++
		}
	}
	text := "These are not times of undisturbed runs: in " + units.Counted(n, "run") + " something went wrong on purpose"
	if all == 0 {
		return text + "."
	}
	return fmt.Sprintf("%s (%s), and %d of %d times the outcome was the one foretold.", text, strings.Join(kinds, ", "), met, all)
}

// doubted warns of times that are not to be trusted, with the first reason.
func doubted(cs *metrics.Case) string {
	var names []string
	reason := ""
	for i := range cs.Series {
		s := &cs.Series[i]
		if t := s.Get(metrics.Distribution); t != nil && t.Median != nil && len(t.Doubts) > 0 {
			names = append(names, s.Label())
			reason = cmp.Or(reason, t.Doubts[0])
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("Not to be trusted without a look at the doubts: the time of %s (%s).", strings.Join(names, ", "), reason)
}

// beside tells of the series that are not in the headline: when there is none,
// of a single one with more words.
func (p *Page) beside(main *metrics.Case, headed bool) string {
	hub, relay := rivals(main)
	if !headed && len(main.Series) == 1 {
		return p.alone(main, &main.Series[0])
	}
	var parts []string
	for i := range main.Series {
		s := &main.Series[i]
		switch {
		case headed && (s == hub || s == relay):
			continue
		case s.Set != "" && main.First(s.System).Set != s.Set: // what has changed is told
			continue
		}
		text, _, ok := took(s)
		if !ok {
			text = p.undone(s) + " it to everyone"
		} else {
			text = "took " + text
		}
		parts = append(parts, called(s)+" "+text)
	}
	switch {
	case len(parts) == 0:
		return ""
	case headed:
		return units.Capital(strings.Join(parts, "; ")) + "."
	}
	return fmt.Sprintf("To bring %s to %s, %s.", units.Bytes(main.FileBytes), units.Counted(main.Receivers, "receiver"), strings.Join(parts, "; "))
}

// shifted returns what became of the times from one set to another; "" if there
// is only one.
func shifted(cs *metrics.Case) string {
	var parts []string
	for j := range cs.Series {
		for k := j + 1; k < len(cs.Series); k++ {
			a, b := &cs.Series[j], &cs.Series[k]
			if a.System.Name == b.System.Name {
				parts = append(parts, shift(a, b))
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("Time to bring %s to %s: %s.", units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"), strings.Join(parts, "; "))
}

func shift(a, b *metrics.Series) string {
	_, before, okA := took(a)
	_, after, okB := took(b)
	write := func(seconds float64, ok bool) string {
		if !ok {
			return "no end"
		}
		return Value(seconds, metrics.Seconds)
	}
	text := fmt.Sprintf("%s %s (%s) → %s (%s)", a.System.Name, write(before, okA), a.Set, write(after, okB), b.Set)
	if okA && okB && before > 0 {
		text += fmt.Sprintf(", × %.2f", after/before)
	}
	return text
}

// took writes a distribution time with its spread.
func took(s *metrics.Series) (text string, seconds float64, ok bool) {
	t := s.Get(metrics.Distribution)
	if t == nil || t.Median == nil {
		return "", 0, false
	}
	text = Value(*t.Median, metrics.Seconds)
	low, high := Value(*t.Min, metrics.Seconds), Value(*t.Max, metrics.Seconds)
	switch {
	case t.Have > 1 && low == high:
		text += fmt.Sprintf(" (in each of %d runs)", t.Have)
	case t.Have > 1:
		text += fmt.Sprintf(" (median of %d runs, %s to %s)", t.Have, low, high)
	}
	return text, *t.Median, true
}

// against is the headline when both have run.
func (p *Page) against(cs *metrics.Case, hub, relay *metrics.Series) string {
	hubText, hubTime, hubOK := took(hub)
	relayText, relayTime, relayOK := took(relay)
	a, b := hub.System.Words.Called, relay.System.Words.Called
	task := fmt.Sprintf("To bring %s to %s", units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))
	if hub.Set != "" {
		task = fmt.Sprintf("In %s, to bring %s to %s", hub.Set, units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))
	}
	switch {
	case hubOK && relayOK:
		return fmt.Sprintf("%s, %s took %s and %s %s: %s.", task, b, relayText, a, hubText, pace(b, hubTime, relayTime))
	case relayOK:
		return fmt.Sprintf("%s, %s took %s; %s %s it to everyone.", task, b, relayText, a, p.undone(hub))
	case hubOK:
		return fmt.Sprintf("%s, %s took %s; %s %s it to everyone.", task, a, hubText, b, p.undone(relay))
	}
	return fmt.Sprintf("%s: neither %s nor %s brought it to everyone.", task, a, b)
}

// pace compares the time of who with that of another, a difference of 5 % or
// less being none.
func pace(who string, other, its float64) string {
	if its <= 0 || other <= 0 {
		return "both took next to nothing"
	}
	switch ratio := other / its; {
	case ratio >= 1.995:
		return fmt.Sprintf("%s was %.1f times as fast", who, ratio)
	case ratio > 1.05:
		return fmt.Sprintf("%s was %.0f %% faster", who, (ratio-1)*100)
	case ratio >= 1/1.05:
		return fmt.Sprintf("about the same (within %.0f %%)", math.Ceil(math.Abs(ratio-1)*100))
	case ratio > 1/1.995:
		return fmt.Sprintf("%s was %.0f %% slower", who, (1/ratio-1)*100)
	default:
		return fmt.Sprintf("%s was %.1f times as slow", who, 1/ratio)
	}
}

// undone says that a system did not bring the file to everyone, or was not let:
// of a lab that was stopped, or still runs, the last run has no notes.
func (p *Page) undone(s *metrics.Series) string {
	for i := range p.Folders {
		if f := &p.Folders[i]; f.Lab != nil && f.Set == s.Set && p.record(s.Typical()) == nil {
			return "was broken off before it had brought"
		}
	}
	return "did not bring"
}

// alone tells of a system that nothing is set against.
func (p *Page) alone(cs *metrics.Case, s *metrics.Series) string {
	text, _, ok := took(s)
	if !ok {
		return fmt.Sprintf("The %s %s %s to all of %s.", s.Label(), p.undone(s), units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))
	}
	sentence := fmt.Sprintf("%s took %s to bring %s to %s", units.Capital(called(s)), text, units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))
	if b := s.Get(metrics.BoundMultiple); b != nil && b.Median != nil {
		sentence += fmt.Sprintf(", %.2f times the bound", *b.Median)
	}
	if c := s.Get(metrics.OriginCopies); c != nil && c.Median != nil {
		sentence += fmt.Sprintf("; its origin sent %s of the file", copies(*c.Median))
	}
	return sentence + "."
}

// called names a series in a sentence.
func called(s *metrics.Series) string {
	return s.System.Words.Called + strings.TrimPrefix(s.Label(), s.System.Name)
}

// burden says whom the two load.
func burden(hub, relay *metrics.Series) []string {
	a, b := hub.Get(metrics.OriginCopies), relay.Get(metrics.OriginCopies)
	if a == nil || b == nil || a.Median == nil || b.Median == nil {
		return nil
	}
	origin := func(s *metrics.Series) string { return s.System.Words.Called + "'s " + s.System.Nodes.Origin }
	text := fmt.Sprintf("%s sent %s of the file", units.Capital(origin(hub)), copies(*a.Median))
	if m := hub.Get(metrics.HottestShare); m != nil && m.Median != nil && *m.Median >= 0.999 {
		text += ", all of the load"
	}
	text += fmt.Sprintf("; %s sent %s", origin(relay), copies(*b.Median))
	if h := relay.Get(metrics.HottestShare); h != nil && h.Median != nil && *h.Median < 0.999 {
		text += fmt.Sprintf(", and no node more than %s of all that was sent", Value(*h.Median, metrics.Share))
	}
	return []string{text + "."}
}

func copies(n float64) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%.2f copies", n)
}
