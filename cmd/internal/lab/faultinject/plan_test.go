package faultinject_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/fault"
)

func parse(t *testing.T, text string) []faultinject.Fault {
	t.Helper()
	all, err := faultinject.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestParseReadsEveryKind(t *testing.T) {
	type plain struct {
		Kind  faultinject.Kind
		Count int
		At    float64
		Every time.Duration
	}
	var got []plain
	all := parse(t, strings.Join(faultinject.Examples(), ", "))
	for i, f := range all {
		got = append(got, plain{f.Kind, f.Count, f.At, f.Every})
		if f.String() != faultinject.Examples()[i] {
			t.Errorf("%q is written as %q", faultinject.Examples()[i], f)
		}
	}
	want := []plain{
		{Kind: faultinject.StopOrigin, At: 0.5},
		{Kind: faultinject.KillReceivers, Count: 3, At: 0.3},
		{Kind: faultinject.Churn, Every: 10 * time.Second},
		{Kind: faultinject.FreeRider, Count: 4},
		{Kind: faultinject.Liar, Count: 1},
		{Kind: faultinject.Slow, Count: 2},
		{Kind: faultinject.SlowAccept, Every: time.Second},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestParseRefusesAndSaysTheRightForm(t *testing.T) {
	for text, want := range map[string]string{
		"":                            `no fault ""; there are stop-origin@50%, kill-receivers:3@30%, churn:10s, free-rider:4, liar:1, slow:2, slow-accept:1s`,
		"fire":                        `no fault "fire"`,
		"stop-origin":                 "when is missing, as a share of all bytes; it is written like stop-origin@50%",
		"stop-origin:2@50%":           "there is just one; it is written like stop-origin@50%",
		"stop-origin@half":            "more than 0% and less than 100%",
		"stop-origin@50":              "more than 0% and less than 100%",
		"stop-origin@0%":              "more than 0%",
		"stop-origin@100%":            "less than 100%",
		"stop-origin@NaN%":            "more than 0%",
		"kill-receivers@30%":          "the number is missing; it is written like kill-receivers:3@30%",
		"kill-receivers:3":            "when is missing",
		"kill-receivers:0@30%":        "1 or more",
		"churn":                       "the number is missing; it is written like churn:10s",
		"churn:10":                    "the time between two is 1s or more",
		"churn:10ms":                  "the time between two is 1s or more",
		"churn:10s@5%":                "no point in time",
		"free-rider:-1":               "1 or more; it is written like free-rider:4",
		"free-rider:1.5":              "1 or more",
		"liar":                        "the number is missing; it is written like liar:1",
		"slow:2,,liar:1":              `no fault ""`,
		"liar:1,liar:2":               "liar twice",
		"stop-origin@5%,liar:1,slow:": "1 or more; it is written like slow:2",
	} {
		_, err := faultinject.Parse(text)
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", text, err, want)
		}
	}
}

func TestCheckTellsWhenThereAreTooFewReceivers(t *testing.T) {
	for _, c := range []struct {
		faults string
		need   int
	}{
		{"stop-origin@50%", 0},
		{"churn:10s", 0},
		{"free-rider:4", 4},
		{"slow:2", 2},
		{"liar:1", 2},               // somebody must be left
		{"kill-receivers:3@30%", 4}, // … too
		{"liar:1,free-rider:1", 2},  // the free rider is
		{"liar:1,free-rider:3", 4},  // nobody is hit twice
		{"kill-receivers:2@5%,liar:1,slow:3", 6},
	} {
		all := parse(t, c.faults)
		if err := faultinject.Check(all, c.need); err != nil {
			t.Errorf("%s: %v", c.faults, err)
		}
		if err := faultinject.Check(all, c.need-1); c.need > 0 && (!errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.faults)) {
			t.Errorf("%s with %d receivers: %v", c.faults, c.need-1, err)
		}
	}
}

const mbit = 1e6 / 8

// someRun is a run of eight receivers with links of 20 and 100 Mbit/s, and a
// file that takes 8 seconds to leave the origin.
func someRun(name string, seed uint64) faultinject.Run {
	t := faultinject.Run{
		System: system.Named(name), Repetition: 1, Seed: seed, Origin: "origin",
		FileBytes: 20e6, Chunks: 306, Links: system.Equal(8, 20*mbit, 20*mbit, 100*mbit),
	}
	for _, c := range "12345678" {
		t.Receivers = append(t.Receivers, "peer-"+string(c))
	}
	return t
}

func TestTheSeedChoosesTheNodesWhateverTheSystem(t *testing.T) {
	all := parse(t, "free-rider:2,liar:1,slow:2,kill-receivers:2@50%")
	nodes := func(system string, seed uint64) (hit []string) {
		for _, f := range faultinject.NewPlan(all, someRun(system, seed)).Expected() {
			hit = append(hit, f.Nodes...)
		}
		return hit
	}
	first := nodes("mesh", 1)
	if star := nodes("star", 1); !reflect.DeepEqual(first, star) {
		t.Errorf("mesh %v, star %v", first, star)
	}
	seen := map[string]bool{}
	for _, name := range first {
		if seen[name] {
			t.Errorf("%s is hit twice", name)
		}
		seen[name] = true
	}
	different := false
	for seed := range uint64(5) {
		different = different || !reflect.DeepEqual(first, nodes("mesh", seed+2))
	}
	if !different {
		t.Error("every seed chooses the same")
	}
}

func TestTraitsMisbehaviourAndRates(t *testing.T) {
	all := parse(t, "free-rider:3,liar:2,slow:2")
	misbehave := map[string]string{"free-rider": "free-ride", "liar": "lie"}
	for _, system := range []string{"star", "http", "mesh"} {
		plan := faultinject.NewPlan(all, someRun(system, 7))
		count := map[string]int{}
		for _, name := range plan.Receivers {
			trait := plan.Trait(name)
			count[trait]++
			want := ""
			if system == "mesh" {
				want = misbehave[trait]
			}
			if got := plan.Misbehave(name); got != want {
				t.Errorf("%s, %s: it misbehaves as in %q", system, trait, got)
			}
			if got := plan.Slowness(name); (got == 0.1) != (trait == "slow") {
				t.Errorf("%s, %s: its rates are times %v", system, trait, got)
			}
			if excused := plan.Excused(name) != ""; excused != (trait == "liar" && system == "mesh") {
				t.Errorf("%s, %s: excused is %v", system, trait, excused)
			}
		}
		if want := map[string]int{"free-rider": 3, "liar": 2, "slow": 2, "": 1}; !reflect.DeepEqual(count, want) {
			t.Errorf("%s: %v", system, count)
		}
	}
}

// TestExpectedOutcomesHaveTheNumbersOfTheTheory: by hand, for 20 MB (160 Mbit),
// eight receivers, 20 Mbit/s up and 100 Mbit/s down.
func TestExpectedOutcomesHaveTheNumbersOfTheTheory(t *testing.T) {
	for _, c := range []struct{ system, fault, want string }{
		{"star", "stop-origin@50%", "all clients stand still"},
		{"mesh", "stop-origin@50%", "by the bound, about 50 % of its chunks are out by then"},
		{"mesh", "kill-receivers:3@30%", "3 of 8 receivers are killed when 30 % of all bytes have arrived"},
		{"star", "kill-receivers:4@30%", "not before 32 s"}, // 4·160/20
		{"mesh", "churn:10s", "at most 16 for each break"},
		{"star", "free-rider:4", "no effect"},
		// the others' 5 uplinks carry 8·160 in 8·160/(6·20) = 10.7 s
		{"mesh", "free-rider:3", "the bound is 10.7 s, and would be 8 s"},
		// 8·160/(20+4·20) = 12.8
		{"mesh", "free-rider:4", "the bound is 12.8 s"},
		{"star", "liar:1", "no effect, no wrong chunk"},
		{"mesh", "liar:1", "at most 6 from a liar at each node"},
		// 160/10 = 16 s at a tenth of 100 Mbit/s; the others alone 160/20
		{"mesh", "slow:2", "not before 16 s. The others"},
		{"star", "slow:2", "too near to tell"}, // 8·160/20 = 64 s, whoever is slow
	} {
		plan := faultinject.NewPlan(parse(t, c.fault), someRun(c.system, 3))
		if got := plan.Expected()[0].Expected; !strings.Contains(got, c.want) {
			t.Errorf("%s, %s: %q does not say %q", c.system, c.fault, got, c.want)
		}
	}
}

func TestExpectedOutcomesWithoutLimits(t *testing.T) {
	for _, name := range []string{"star", "mesh"} {
		what := someRun(name, 1)
		what.Links = system.Equal(8, math.Inf(1), math.Inf(1), math.Inf(1))
		plan := faultinject.NewPlan(parse(t, "stop-origin@50%,kill-receivers:1@5%,churn:1s,free-rider:1,liar:1,slow:1"), what)
		for _, f := range plan.Expected() {
			if strings.Contains(f.Expected, "NaN") || strings.Contains(f.Expected, "Inf") || strings.Contains(f.Expected, "bound") {
				t.Errorf("%s: %s", f.Fault, f.Expected)
			}
		}
	}
}
