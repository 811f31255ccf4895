package preflight_test

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/preflight"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
)

const (
	mib  = 1 << 20
	mbit = 1e6 / 8
)

// question is about 16 MiB at 20 and 100 Mbit/s on two cores, where a MiB
// costs 0.03 CPU seconds and a node 40 MiB.
func question(receivers ...int) *preflight.Question {
	link := scenario.Rate{Up: 20 * mbit, Down: 100 * mbit}
	sample := preflight.Sample{CPUSeconds: 0.03, Bytes: mib, RSSBytes: 40 * mib}
	return &preflight.Question{
		Scenario: &scenario.Scenario{
			Systems: system.Table{system.Named(system.Star), system.Named(system.Mesh)}, Receivers: receivers, Runs: 2, FileBytes: 16 * mib,
			Links: "rate", Rates: scenario.Rates{Origin: link, Receiver: link},
		},
		Samples: map[string]preflight.Sample{system.Star: sample, system.Mesh: sample},
		Cores:   2,
		Room:    preflight.Room{MemoryBytes: 20 << 30, DiskBytes: 20 << 30},
	}
}

func TestWhatTheMachineCanCarryIsNoProblem(t *testing.T) {
	for name, q := range map[string]*preflight.Question{
		"a few":            question(1, 2, 4, 8, 16),
		"nothing is known": {Scenario: question(1000).Scenario, Cores: 2},
	} {
		if problems := q.Problems(); len(problems) > 0 {
			t.Errorf("%s: %q", name, problems)
		}
	}
	free := question(32)
	free.Scenario.Rates = scenario.Rates{} // then the processors are what is asked about
	if problems := free.Problems(); len(problems) > 0 {
		t.Errorf("without limits: %q", problems)
	}
}

// TestRatesThatTheProcessorsCannotCarryAreRefused: 32 receivers at 2.5 MB/s
// are 76 MiB/s, 2.29 cores, and 31 nodes that wait 0.12. 20 receivers make
// 1.43 cores and 0.08, which is just over 75 %, and 19 1.43. The star sends
// 2.4 MiB/s however many there are.
func TestRatesThatTheProcessorsCannotCarryAreRefused(t *testing.T) {
	problems := question(8, 32).Problems()
	if len(problems) != 1 {
		t.Fatalf("%d problems: %q", len(problems), problems)
	}
	for _, want := range []string{"mesh to 32 receivers", "76 MiB/s", "2 processors 121 % busy", "up to 19 receivers, or --up 12mbit --down 62mbit"} {
		if !strings.Contains(problems[0], want) {
			t.Errorf("%q does not say %q", problems[0], want)
		}
	}
}

func TestWithOtherLinksForSomeNodesTheFactorIsTold(t *testing.T) {
	q := question(32)
	q.Scenario.Rates.Profile = []scenario.Exception{{From: 1, To: 2, Rate: scenario.Rate{Up: 20 * mbit, Down: 100 * mbit}}}
	if problems := q.Problems(); len(problems) != 1 || !strings.Contains(problems[0], "or all rates at 0.62 of what they are") {
		t.Errorf("%q", problems)
	}
}

func TestMoreNodesThanMemoryAreRefused(t *testing.T) {
	q := question(16)
	q.Room.MemoryBytes = 520 * mib // room for ten nodes of 52 MiB
	if problems := q.Problems(); len(problems) != 1 || !strings.Contains(problems[0], "17 nodes need about 884 MiB") ||
		!strings.Contains(problems[0], "up to 9 receivers") {
		t.Errorf("%q", problems)
	}
}

func TestMoreCopiesThanTheDiskHoldsAreRefused(t *testing.T) {
	q := question(4, 8)
	q.Room.DiskBytes = 200 * mib
	if problems := q.Problems(); len(problems) > 0 {
		t.Errorf("8 copies of 16 MiB fit into 200 MiB: %q", problems)
	}
	q.Keep = true // two systems, two runs each: 4·(4 + 8)
	if problems := q.Problems(); len(problems) != 1 || !strings.Contains(problems[0], "48 copies of 16 MiB") {
		t.Errorf("%q", problems)
	}
}

// TestWhatNoRateCouldCarryNamesNone: rates round to nothing then.
func TestWhatNoRateCouldCarryNamesNone(t *testing.T) {
	q := question(1)
	q.Samples[system.Star] = preflight.Sample{CPUSeconds: 1000, Bytes: mib, RSSBytes: mib}
	problems := q.Problems()
	if len(problems) != 1 || !strings.HasSuffix(problems[0], "What would do: far slower links") || strings.Contains(problems[0], "NaN") ||
		!strings.Contains(problems[0], "star to 1 receiver at") {
		t.Errorf("%q", problems)
	}
}
