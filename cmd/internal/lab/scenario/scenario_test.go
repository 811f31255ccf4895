package scenario_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
)

const mbit = 1e6 / 8

// usual is a scenario in which nothing is wrong: 16 MiB at 20 and 100 Mbit/s.
func usual() *scenario.Scenario {
	link := scenario.Rate{Up: 20 * mbit, Down: 100 * mbit}
	return &scenario.Scenario{
		Systems: system.Table{system.Named(system.Star), system.Named(system.Mesh)}, Receivers: []int{1, 4}, Runs: 2, FileBytes: 16 << 20,
		Links: "rate", Rates: scenario.Rates{Origin: link, Receiver: link},
	}
}

func TestWhatCannotBeMeantIsRefusedWithWords(t *testing.T) {
	if err := usual().Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*scenario.Scenario){
		"no number of receivers":        func(s *scenario.Scenario) { s.Receivers = nil },
		"0 receivers: from 1 to 1000":   func(s *scenario.Scenario) { s.Receivers = []int{4, 0} },
		"1001 receivers":                func(s *scenario.Scenario) { s.Receivers = []int{1001} },
		"receivers: 4 stands there twi": func(s *scenario.Scenario) { s.Receivers = []int{4, 4} },
		"0 runs":                        func(s *scenario.Scenario) { s.Runs = 0 },
		"the file is empty":             func(s *scenario.Scenario) { s.FileBytes = 0 },
		"8kbit is the least":            func(s *scenario.Scenario) { s.Rates.Receiver.Down = 10 },
		"a rate for receiver 9":         func(s *scenario.Scenario) { s.Rates.Profile = []scenario.Exception{{From: 9, To: 12}} },
	} {
		s := usual()
		spoil(s)
		if err := s.Check(); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestSystemsTakeTurns(t *testing.T) {
	var names []string
	for _, run := range usual().Sequence() {
		names = append(names, run.Name())
	}
	want := []string{
		"star-1-1", "mesh-1-1", "star-4-1", "mesh-4-1",
		"star-1-2", "mesh-1-2", "star-4-2", "mesh-4-2",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

func TestNodesAreNamedByWhatTheyAre(t *testing.T) {
	runs := usual().Sequence()
	if got := strings.Join(runs[0].Nodes(), " "); got != "server client-1" {
		t.Error(got)
	}
	if got := strings.Join(runs[3].Nodes(), " "); got != "origin peer-1 peer-2 peer-3 peer-4" {
		t.Error(got)
	}
}

func TestTheBoundIsThatOfTheSystem(t *testing.T) {
	s := usual()
	copyTime := float64(s.FileBytes) / (20 * mbit)
	for i, want := range []float64{copyTime, copyTime, 4 * copyTime, copyTime} {
		if got := s.Sequence()[i].Bound(); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g s, not %g", s.Sequence()[i].Name(), got, want)
		}
	}
	if got, least := s.Expect(), time.Duration(14*copyTime*float64(time.Second)); got < least || got > least+30*time.Second {
		t.Errorf("%v in all; the bounds alone make %v", got, least)
	}
	s.Rates = scenario.Rates{}
	if got := s.Sequence()[2].Bound(); got != 0 {
		t.Errorf("without limits the bound is %g", got)
	}
}

func TestThePaceIsThatOfAllReceiversTogether(t *testing.T) {
	s := usual()
	for i, want := range []float64{20 * mbit, 20 * mbit, 20 * mbit, 80 * mbit} { // a star's server sends all itself
		if got := s.Sequence()[i].Pace(); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %g bytes/s, not %g", s.Sequence()[i].Name(), got, want)
		}
	}
	s.Rates = scenario.Rates{}
	if got := s.Sequence()[3].Pace(); got != 0 {
		t.Errorf("without limits the pace is %g", got)
	}
}

const profile = `
# NODES  UP       DOWN
origin   50mbit   100mbit
1-4      5mbit    40mbit
3        1mbit    none     # the slow one
6-       20mbit   100mbit
`

func TestAProfileGivesNodesTheirOwnLinks(t *testing.T) {
	exceptions, err := scenario.ParseProfile(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	r := scenario.Rates{Receiver: scenario.Rate{Up: 7, Down: 8}, Profile: exceptions}
	for i, want := range []scenario.Rate{
		{Up: 50 * mbit, Down: 100 * mbit},
		{Up: 5 * mbit, Down: 40 * mbit},
		{Up: 5 * mbit, Down: 40 * mbit},
		{Up: 1 * mbit},
		{Up: 5 * mbit, Down: 40 * mbit},
		{Up: 7, Down: 8},
		{Up: 20 * mbit, Down: 100 * mbit},
	} {
		if got := r.Of(i); got != want {
			t.Errorf("node %d: %+v, not %+v", i, got, want)
		}
	}
	if r.Of(3).Limits().Down != math.Inf(1) {
		t.Error("no limit is no limit")
	}
}

func TestAMistakeInAProfileIsToldWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"1 5mbit":                  "line 1: \"1 5mbit\" has 2 parts",
		"\n\n1 5mbit 6mbit 7mbit":  "line 3:",
		"client 5mbit 6mbit":       `"client" names no nodes`,
		"0 5mbit 6mbit":            `"0" names no nodes`,
		"4-2 5mbit 6mbit":          `"4-2" names no nodes`,
		"2-x 5mbit 6mbit":          `"2-x" names no nodes`,
		"1 5 6mbit":                "line 1:",
		"1 5mbit 6mbit\n2 a 6mbit": "line 2:",
	} {
		if _, err := scenario.ParseProfile(strings.NewReader(text)); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
