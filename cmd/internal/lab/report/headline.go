package report

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// Title heads the page.
func (v *view) Title() string {
	main := v.main()
	if main == nil {
		return "Who carried what"
	}
	return main.Task() + ": who carried what"
}

// Lead is what to remember, in sentences, the headline first.
func (v *view) Lead() []string {
	main := v.main()
	if main == nil {
		return []string{"No run could be read."}
	}
	hub, relay := rivals(main)
	headed := hub != nil && relay != nil && hub.Set == relay.Set
	texts := []string{shifted(main), "", burden(hub, relay), v.beside(main, headed), doubted(main)}
	if headed {
		texts[1] = v.against(main, hub, relay)
	}
	all := slices.DeleteFunc(texts, func(text string) bool { return text == "" })
	if text := v.disturbed(); text != "" {
		all = slices.Insert(all, min(1, len(all)), text)
	}
	return all
}

// rivals are the first series of the two systems of the case that are set
// against each other; nil: there is none.
func rivals(cs *metrics.Case) (hub, relay *metrics.Series) {
	a, b := systemsOf([]*metrics.Case{cs}).Pair()
	return cs.First(a), cs.First(b)
}

// systemsOf are the systems of some cases, each once and in their order.
func systemsOf(cases []*metrics.Case) (all system.Table) {
	for _, cs := range cases {
		for _, s := range cs.Series {
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
func (v *view) disturbed() string {
	n := len(v.faulty())
	if n == 0 {
		return ""
	}
	kinds, met, all := v.outcomes()
	text := "These are not times of undisturbed runs: in " + units.Counted(n, "run") + " something went wrong on purpose"
	if all == 0 {
		return text + "."
	}
	return fmt.Sprintf("%s (%s), and %d of %d times the outcome was the one foretold.", text, strings.Join(kinds, ", "), met, all)
}

// doubted warns of times that are not to be trusted, each with its first reason.
func doubted(cs *metrics.Case) string {
	var g gathered
	for _, s := range cs.Series {
		if _, ok := s.Median(metrics.Distribution); ok {
			if doubts := s.Get(metrics.Distribution).Doubts; len(doubts) > 0 {
				g.add(doubts[0], s.Label())
			}
		}
	}
	var parts []string
	for _, reason := range g.texts {
		parts = append(parts, fmt.Sprintf("the time of %s (%s)", strings.Join(g.about[reason], ", "), reason))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Not to be trusted without a look at the doubts: " + strings.Join(parts, "; ") + "."
}

// beside tells of the series that are not in the headline: when there is none,
// of a single one with more words.
func (v *view) beside(main *metrics.Case, headed bool) string {
	hub, relay := rivals(main)
	if !headed && len(main.Series) == 1 {
		return v.alone(main, main.Series[0])
	}
	var parts []string
	for _, s := range main.Series {
		switch {
		case headed && (s == hub || s == relay):
			continue
		case s.Set != "" && main.First(s.System).Set != s.Set: // what has changed is told
			continue
		}
		text, _, ok := took(s)
		if !ok {
			text = v.undone(s) + " it to everyone"
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
	return fmt.Sprintf("To bring %s, %s.", main.Task(), strings.Join(parts, "; "))
}

// shifted returns what became of the times from one set to another; "" if there
// is only one.
func shifted(cs *metrics.Case) string {
	var parts []string
	for from, to := range shifts(cs) {
		parts = append(parts, shift(from, to))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("Time to bring %s: %s.", cs.Task(), strings.Join(parts, "; "))
}

// shifts are the pairs of series of one system, an earlier set with a later one.
func shifts(cs *metrics.Case) iter.Seq2[*metrics.Series, *metrics.Series] {
	return func(yield func(from, to *metrics.Series) bool) {
		for i, from := range cs.Series {
			for _, to := range cs.Series[i+1:] {
				if from.System.Name == to.System.Name && !yield(from, to) {
					return
				}
			}
		}
	}
}

func shift(a, b *metrics.Series) string {
	before, okA := a.Median(metrics.Distribution)
	after, okB := b.Median(metrics.Distribution)
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
func (v *view) against(cs *metrics.Case, hub, relay *metrics.Series) string {
	hubText, hubTime, hubOK := took(hub)
	relayText, relayTime, relayOK := took(relay)
	a, b := hub.System.Words.Called, relay.System.Words.Called
	task := "To bring " + cs.Task()
	if hub.Set != "" {
		task = fmt.Sprintf("In %s, to bring %s", hub.Set, cs.Task())
	}
	switch {
	case hubOK && relayOK:
		return fmt.Sprintf("%s, %s took %s and %s %s: %s.", task, b, relayText, a, hubText, pace(b, hubTime, relayTime))
	case relayOK:
		return fmt.Sprintf("%s, %s took %s; %s %s it to everyone.", task, b, relayText, a, v.undone(hub))
	case hubOK:
		return fmt.Sprintf("%s, %s took %s; %s %s it to everyone.", task, a, hubText, b, v.undone(relay))
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
func (v *view) undone(s *metrics.Series) string {
	for _, f := range v.Folders {
		if f.Lab == nil || f.Set != s.Set {
			continue
		}
		if record := v.record(s.Typical()); record == nil || record.Error == labdir.ByUser {
			return "was broken off before it had brought"
		}
	}
	return "did not bring"
}

// alone tells of a system that nothing is set against.
func (v *view) alone(cs *metrics.Case, s *metrics.Series) string {
	text, _, ok := took(s)
	if !ok {
		return fmt.Sprintf("The %s %s %s to all of %s.", s.Label(), v.undone(s), units.Bytes(cs.FileBytes), units.Counted(cs.Receivers, "receiver"))
	}
	sentence := fmt.Sprintf("%s took %s to bring %s", units.Capital(called(s)), text, cs.Task())
	if multiple, ok := s.Median(metrics.BoundMultiple); ok {
		sentence += fmt.Sprintf(", %.2f times the bound", multiple)
	}
	if n, ok := s.Median(metrics.OriginCopies); ok {
		sentence += fmt.Sprintf("; its origin sent %s of the file", copies(n))
	}
	return sentence + "."
}

// called names a series in a sentence.
func called(s *metrics.Series) string {
	return s.System.Words.Called + strings.TrimPrefix(s.Label(), s.System.Name)
}

// burden says whom the two load; "" if that is not known of both.
func burden(hub, relay *metrics.Series) string {
	a, okA := hub.Median(metrics.OriginCopies)
	b, okB := relay.Median(metrics.OriginCopies)
	if !okA || !okB {
		return ""
	}
	origin := func(s *metrics.Series) string { return s.System.Words.Called + "'s " + s.System.Nodes.Origin }
	text := fmt.Sprintf("%s sent %s of the file", units.Capital(origin(hub)), copies(a))
	if most, ok := hub.Median(metrics.HottestShare); ok && most >= 0.999 {
		text += ", all of the load"
	}
	text += fmt.Sprintf("; %s sent %s", origin(relay), copies(b))
	if most, ok := relay.Median(metrics.HottestShare); ok && most < 0.999 {
		text += fmt.Sprintf(", and no node more than %s of all that was sent", Value(most, metrics.Share))
	}
	return text + "."
}

func copies(n float64) string {
	if n == 1 {
		return "1 copy"
	}
	return fmt.Sprintf("%.2f copies", n)
}
